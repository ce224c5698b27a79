"""A small WebDriver client: one headless Chromium behind chromedriver, driven over HTTP with aiohttp.

The protocol is https://www.w3.org/TR/webdriver2/ ; the `goog/cdp` command is chromedriver's own.
"""

import asyncio
import base64
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
MISSING = (
    None
    if CHROMIUM and CHROMEDRIVER
    else "chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)"
)

_FLAGS = (
    "--headless",
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that the standard gives to element references
_POLL_S = 0.05


class WebDriverError(Exception):
    """The browser refused a command."""


class Browser:
    """One browser window."""

    def __init__(self, http: aiohttp.ClientSession, session_url: str) -> None:
        self._http = http
        self._url = session_url

    async def open(self, url: str) -> None:
        await self._post("/url", {"url": url})

    async def run(self, script: str, *arguments: Any) -> Any:
        """Run a function body in the page; gives what it returns."""
        return await self._post("/execute/sync", {"script": script, "args": list(arguments)})

    async def click(self, selector: str) -> None:
        await self._post(f"/element/{await self._find(selector)}/click", {})

    async def type(self, selector: str, text: str) -> None:
        """Type into a field; "\\ue007" is Enter, "\\ue004" is Tab."""
        await self._post(f"/element/{await self._find(selector)}/value", {"text": text})

    async def text(self, selector: str) -> str:
        return str(await self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    async def data(self, selector: str, name: str) -> str | None:
        value = await self.run("return document.querySelector(arguments[0])?.dataset[arguments[1]]", selector, name)
        return None if value is None else str(value)

    async def wait_true(self, expression: str, *, within_s: float = 10.0) -> Any:
        """Wait until a JavaScript expression is true; gives its value, TimeoutError with a picture of the page."""
        deadline = time.monotonic() + within_s
        while True:
            value = await self.run(f"return {expression}")
            if value:
                return value
            if time.monotonic() > deadline:
                page = await self.run("return document.body.innerText")
                raise TimeoutError(f"not true within {within_s} s: {expression}\n--- page:\n{page}")
            await asyncio.sleep(_POLL_S)

    async def wait_selector(self, selector: str, *, within_s: float = 10.0) -> None:
        await self.wait_true(f"document.querySelector({selector!r}) !== null", within_s=within_s)

    async def command(self, name: str, **parameters: Any) -> Any:
        """Send a DevTools command."""
        return await self._post("/goog/cdp/execute", {"cmd": name, "params": parameters})

    async def resize(self, width: int, height: int, *, scale: float = 1) -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    async def prefer(self, **features: str) -> None:
        """Set media features: prefer(color_scheme="dark", reduced_motion="reduce")."""
        named = [{"name": f"prefers-{key.replace('_', '-')}", "value": v} for key, v in features.items()]
        await self.command("Emulation.setEmulatedMedia", features=named)

    async def screenshot(self, path: Path) -> None:
        picture = base64.b64decode(await self._get("/screenshot"))
        await asyncio.to_thread(path.write_bytes, picture)

    async def console_errors(self) -> list[str]:
        """Give and forget what the console reported as an error since the last call."""
        entries = await self._post("/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    async def _find(self, selector: str) -> str:
        found = await self._post("/element", {"using": "css selector", "value": selector})
        return str(found[_ELEMENT])

    async def _get(self, path: str) -> Any:
        async with self._http.get(f"{self._url}{path}") as response:
            return _value(await response.json())

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        async with self._http.post(f"{self._url}{path}", json=body) as response:
            return _value(await response.json())


def _value(answer: dict[str, Any]) -> Any:
    value = answer["value"]
    if isinstance(value, dict) and "error" in value:
        raise WebDriverError(f"{value['error']}: {value.get('message', '')}")
    return value


@asynccontextmanager
async def browser(flags: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """Start chromedriver on a free port and one Chromium with a new profile; ends both."""
    driver = await asyncio.create_subprocess_exec(
        str(CHROMEDRIVER), "--port=0", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        port = await asyncio.wait_for(_driver_port(driver), 20)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as http:
                url = await _new_session(http, f"http://127.0.0.1:{port}", [*flags, f"--user-data-dir={profile}"])
                try:
                    yield Browser(http, url)
                finally:
                    await (await http.delete(url)).read()
    finally:
        if driver.returncode is None:
            driver.terminate()
        await driver.communicate()


async def _driver_port(driver: asyncio.subprocess.Process) -> int:
    assert driver.stdout is not None
    async for line in driver.stdout:
        started = re.search(rb"started successfully on port (\d+)", line)
        if started:
            return int(started[1])
    raise WebDriverError("chromedriver ended before it listened")


async def _new_session(http: aiohttp.ClientSession, driver_url: str, flags: Sequence[str]) -> str:
    options = {"binary": CHROMIUM, "args": [*_FLAGS, *flags]}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    async with http.post(f"{driver_url}/session", json={"capabilities": {"alwaysMatch": wanted}}) as response:
        value = _value(await response.json())
    return f"{driver_url}/session/{value['sessionId']}"
