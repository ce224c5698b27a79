"""Make a call through the page in headless Chromium, its fake microphone fed with WAV files.

    python -m tests.frontend.call_in_browser tests/audio/balance-*.wav --expect 1,200 --screenshot call.png

Needs a running `understudy up`. Each WAV is played when the agent has finished speaking: the microphone is switched
on, which makes Chromium read the file anew, and off again after its last sample.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

from tests.frontend import webdriver

STATE = "document.getElementById('call').dataset"
QUIET_S = 1.2  # an agent that has not sounded for this long has finished
TAIL_S = 0.8  # of silence behind each utterance, so that its end can be heard


async def wait_agent_finished(page: webdriver.Browser, within_s: float) -> None:
    """Wait until there is something from the agent and then quiet for QUIET_S."""
    await page.wait_true("document.querySelector('[data-role=assistant]') !== null", within_s=within_s)
    quiet_since = None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while quiet_since is None or loop.time() - quiet_since < QUIET_S:
        if loop.time() > deadline:
            raise TimeoutError(f"the agent spoke for more than {within_s} s")
        speaking = await page.data("#call", "speaking") != "nobody"
        quiet_since = None if speaking else quiet_since or loop.time()
        await asyncio.sleep(0.1)


async def speak(page: webdriver.Browser, recording: Path, device: Path) -> None:
    """Play one WAV into the microphone."""
    await asyncio.to_thread(shutil.copyfile, recording, device)
    await page.click("#microphone")
    await page.wait_true(f"{STATE}.microphone === 'on'")
    await asyncio.sleep(wav_seconds(recording) + TAIL_S)
    await page.click("#microphone")


def wav_seconds(path: Path) -> float:
    with wave.open(str(path), "rb") as file:
        return file.getnframes() / file.getframerate()


async def call(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        device = Path(folder) / "microphone.wav"
        shutil.copyfile(arguments.wav[0], device)
        flag = f"--use-file-for-fake-audio-capture={device}%noloop"
        async with webdriver.browser([flag]) as page:
            await page.resize(1280, 800)
            await page.open(arguments.url)
            await page.wait_true("document.getElementById('workflow').options.length > 0")
            await page.click("#connect")
            expected = f"document.getElementById('transcript').innerText.includes({arguments.expect!r})"
            try:
                await page.wait_true(f"{STATE}.session !== ''", within_s=arguments.patience)
                for recording in arguments.wav:
                    await wait_agent_finished(page, arguments.patience)
                    await speak(page, recording, device)
                await page.wait_true(expected, within_s=arguments.patience)
                await wait_agent_finished(page, arguments.patience)
                outcome = 0
            except TimeoutError as error:
                sys.stderr.write(f"{error}\n")
                outcome = 1
            if arguments.screenshot:
                await page.screenshot(arguments.screenshot)
            sys.stdout.write(f"{await page.text('#transcript')}\n")
            sys.stdout.write(f"agent: {await page.data('#call', 'agent')}\n")
            sys.stdout.write(f"reply time: {await page.data('#latency', 'ms')} ms\n")
            for line in await page.console_errors():
                sys.stdout.write(f"console: {line}\n")
            await page.click("#connect")
            return outcome


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Call through the page in a headless browser.")
    parser.add_argument("wav", nargs="+", type=Path, help="what the caller says, one file per utterance")
    parser.add_argument("--url", default="http://localhost:3000/")
    parser.add_argument("--expect", default="1,200", help="text that the transcript must hold in the end")
    parser.add_argument("--patience", type=float, default=40.0, help="seconds to wait for each step")
    parser.add_argument("--screenshot", type=Path)
    arguments = parser.parse_args(argv)
    if webdriver.MISSING:
        sys.exit(webdriver.MISSING)
    sys.exit(asyncio.run(call(arguments)))


if __name__ == "__main__":
    main()
