"""An agent that says back what it hears. Run it, and it registers as `echo` with the gateway at GATEWAY_URL."""

from agents.runtime import Agent, Call, Opening

agent = Agent("echo", port=8090)


@agent.on_start
async def greet(call: Call, _opening: Opening) -> None:
    await call.say("Hello, I am an echo.")


@agent.on_text
async def echo(call: Call, text: str) -> None:
    await call.say(f"You said: {text}")


if __name__ == "__main__":
    agent.run()
