import contextlib
import itertools
import json
import math
import statistics
import struct
import wave
from dataclasses import dataclass

import pytest

from frontend import server
from tests.frontend import webdriver
from tests.frontend.fake_gateway import FakeGateway, fake_gateway

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(webdriver.MISSING is not None, reason=str(webdriver.MISSING)),
]

ENTER = "\ue007"
STATE = "document.getElementById('call').dataset"


@dataclass
class Stage:
    browser: webdriver.Browser
    gateway: FakeGateway
    page_url: str

    async def connect(self):
        await self.browser.click("#connect")
        await self.gateway.wait(lambda: self.gateway.calls and self.gateway.calls[-1].of_type("sessionConfig"))
        return self.gateway.calls[-1]

    async def wait_line(self, text, **data):
        marks = "".join(f"[data-{name}='{value}']" for name, value in data.items())
        lines = f"[...document.querySelectorAll({json.dumps(f'#transcript > li{marks}')})]"
        script = f"{lines}.some((line) => line.textContent.includes({json.dumps(text)}))"
        await self.browser.wait_true(script)


@pytest.fixture(scope="module")
def spoken_wav(tmp_path_factory):
    """One second of quiet, one second of a 500 Hz tone, then quiet."""
    path = tmp_path_factory.mktemp("audio") / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        for second in range(6):
            loud = 12_000 if second == 1 else 0
            samples = (int(loud * math.sin(2 * math.pi * 500 * i / 48_000)) for i in range(48_000))
            file.writeframes(struct.pack("<48000h", *samples))
    return path


@contextlib.asynccontextmanager
async def opened(flags=(), before=lambda _: None):
    async with fake_gateway() as gateway, webdriver.browser(flags) as browser:
        before(gateway)
        async with server.running("127.0.0.1", 0, gateway.url) as port:
            stage = Stage(browser, gateway, f"http://127.0.0.1:{port}/")
            await browser.open(stage.page_url)
            await browser.wait_true("document.getElementById('workflow').options.length > 0")
            yield stage


async def test_a_typed_call_from_connect_to_hang_up():
    async with opened() as stage:
        browser = stage.browser
        assert await browser.run("return document.getElementById('workflow').options.length") == 6
        call = await stage.connect()
        assert [m["type"] for m in call.messages] == ["select_workflow", "sessionConfig"]
        assert call.messages[0]["workflowId"] == "triage"
        assert call.path == "/sonic"

        await browser.type("#text", f"I want to check my balance{ENTER}")
        await stage.gateway.wait(lambda: call.of_type("text_input"))
        await call.send("transcript", role="user", text="I want to check my balance", isFinal=True, id="u1")
        await call.send("transcript", role="user", text="[System: caller came in]", isFinal=True, id="u2")
        await call.say("Let me", isFinal=False, id="a1")
        await call.say("Let me pass you on.", id="a1")
        await stage.wait_line("Let me pass you on.", role="assistant", agent="triage", final="true")
        await call.send("tool_use", toolName="perform_idv_check", toolUseId="t1", input={"accountNumber": "1"})
        await stage.wait_line("Checking your details", state="running")
        await call.send("tool_result", toolName="perform_idv_check", toolUseId="t1", success=True, result={})
        await stage.wait_line("Details checked", state="done")
        await call.send("handoff_event", target="idv", timestamp=1)
        await stage.wait_line("Triage handed you to Identity verification", kind="handoff", agent="idv")
        assert await browser.data("#call", "agent") == "idv"
        assert await browser.text("#agent-name") == "Identity verification"

        lines = await browser.text("#transcript")
        assert lines.count("I want to check my balance") == 1
        assert "System" not in lines
        assert lines.count("Let me pass you on.") == 1

        await browser.click("#connect")
        await browser.wait_true(f"{STATE}.state === 'idle'")
        assert [line for line in await browser.console_errors() if "/api/personas" not in line] == []


async def test_choice_of_the_gateway_is_offered_and_sent():
    def offer(gateway):
        gateway.personas = [{"id": "persona-SimpleBanking", "name": "Everyday banking", "voiceId": "amy"}]

    async with opened(before=offer) as stage:
        await stage.browser.wait_true("document.getElementById('workflow').value === 'persona-SimpleBanking'")
        call = await stage.connect()
        assert call.messages[0]["workflowId"] == "persona-SimpleBanking"
        assert call.messages[1]["config"]["voiceId"] == "amy"
        assert await stage.browser.data("#call", "agent") == "banking"


async def test_lost_connection_comes_back_with_its_token_and_what_was_typed():
    async with opened(before=lambda g: g.connected.update(sessionId="same", resumeToken="secret-1")) as stage:
        browser = stage.browser
        call = await stage.connect()
        await call.send("handoff_event", target="banking")
        await browser.wait_true(f"{STATE}.agent === 'banking'")
        call.socket.transport.abort()
        await browser.wait_true(f"{STATE}.state === 'waiting'")
        assert "The connection was lost" in await browser.text("#banner-text")
        await browser.type("#text", f"still here{ENTER}")
        await stage.gateway.wait(lambda: len(stage.gateway.calls) == 2 and stage.gateway.calls[1].of_type("text_input"))
        again = stage.gateway.calls[1]
        assert again.path == "/sonic?resume=secret-1&seen=1"
        assert again.of_type("text_input") == [{"type": "text_input", "text": "still here"}]
        await browser.wait_true(f"{STATE}.state === 'open'")
        assert await browser.data("#call", "agent") == "banking"
        assert await browser.run("return document.getElementById('banner').hidden")


@pytest.mark.parametrize(
    ("code", "state", "words"),
    [(4503, "waiting", "No agent is available"), (4403, "closed", "did not accept"), (1000, "closed", "has ended")],
)
async def test_close_codes_are_told_in_words(code, state, words):
    async with opened() as stage:
        call = await stage.connect()
        await call.socket.close(code, "because")
        await stage.browser.wait_true(f"{STATE}.state === '{state}'")
        assert words in await stage.browser.text("#banner-text")
        assert await stage.browser.data("#banner", "code") == str(code)


async def test_status_and_errors_are_told_in_words():
    async with opened() as stage:
        call = await stage.connect()
        await call.send("status", state="reconnecting", agent="triage")
        await stage.browser.wait_true(f"{STATE}.holding === 'true'")
        await call.send("status", state="restored", agent="triage")
        await stage.wait_line("You are back with Triage", level="info")
        await stage.browser.wait_true(f"{STATE}.holding === 'false'")
        await call.send("error", message="Error: ECONNREFUSED {stack}")
        await stage.wait_line("Something went wrong at our end", level="error")


async def test_audio_is_heard_and_an_interruption_silences_it():
    async with opened() as stage:
        call = await stage.connect()
        await call.play(30)
        await stage.browser.wait_true(f"{STATE}.speaking === 'agent'")
        await call.send("interruption", data={})
        await stage.browser.wait_true(f"{STATE}.speaking === 'nobody'", within_s=3)


async def test_microphone_sends_frames_and_its_voice_stops_the_agent(spoken_wav):
    def offer(gateway):
        gateway.personas = []

    async with opened([f"--use-file-for-fake-audio-capture={spoken_wav}%noloop"], offer) as stage:
        browser, gateway = stage.browser, stage.gateway
        call = await stage.connect()
        await call.play(60)
        await browser.click("#microphone")
        await browser.wait_true(f"{STATE}.microphone === 'on'")
        await browser.wait_true(f"{STATE}.speaking === 'person'")
        await browser.wait_true(f"{STATE}.speaking === 'nobody'")  # and the minute of sound is gone
        await call.play(0.1)
        await browser.wait_true("document.getElementById('latency').dataset.ms > 0")
        await browser.click("#microphone")
        await gateway.wait(lambda: call.of_type("end_of_speech"))
        assert set(call.frame_sizes[:-1]) == {1364}
        samples = struct.unpack(f"<{len(call.audio) // 2}h", call.audio)
        loudest = max(range(0, len(samples) - 8000, 800), key=lambda i: sum(map(abs, samples[i : i + 8000])))
        tone = samples[loudest : loudest + 8000]
        rises = [at for at, (a, b) in enumerate(itertools.pairwise(tone)) if a < 0 <= b]
        period = statistics.median(b - a for a, b in itertools.pairwise(rises))
        assert abs(period - 32) <= 1  # 500 Hz at 16 kHz; the fake microphone of a busy machine skips samples
        assert await browser.console_errors() == []


async def test_the_page_works_from_the_keyboard():
    async with opened() as stage:
        tab = "\ue004"
        order = []
        for _ in range(8):
            await stage.browser.run("return 0")
            focused = await stage.browser.run("return document.activeElement.id || document.activeElement.tagName")
            order.append(focused)
            await stage.browser.type(":focus" if focused != "BODY" else "body", tab)
        assert {"workflow", "connect", "scroll"} <= set(order)
        unnamed = """return [...document.querySelectorAll('button, input, select')].filter((e) =>
            !(e.innerText.trim() || e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length"""
        assert await stage.browser.run(unnamed) == 0


async def test_nothing_is_wider_than_a_small_phone():
    async with opened() as stage:
        await stage.browser.resize(320, 560)
        assert await stage.browser.run("return document.documentElement.scrollWidth") <= 320
        call = await stage.connect()
        await call.say("w" * 300)
        await stage.wait_line("wwww")
        assert await stage.browser.run("return document.documentElement.scrollWidth") <= 320
