"""An agent process: answers each text once, and says who it is; `python -m tests.chaos.agent ID PORT HOST GATEWAY`.

It listens at 127.0.0.1; the gateway is told ``HOST``, where the fault proxy is.
"""

import asyncio
import os
import sys

from loguru import logger

from agents.config import AgentConfig, Mode
from agents.runtime import Agent

HAND_OVER = "hand me over to "


def build(agent_id):
    agent = Agent(agent_id)

    @agent.on_text
    async def answer(call, text):
        await call.say(f"{os.getpid()} answers {text}")
        if HAND_OVER in text:
            target = text.partition(HAND_OVER)[2]
            await call.send("handoff_request", targetAgentId=target, context={"reason": "asked for"}, graphState={})

    return agent


async def main(agent_id, port, host, gateway):
    config = AgentConfig(agent_id, int(port), gateway, Mode.TEXT, host, "127.0.0.1", "WARNING")
    await build(agent_id).service(config).run()


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    asyncio.run(main(*sys.argv[1:]))
