"""The console on a fake stream: thousands of calls that live, fail over and end, without a gateway.

    python -m tests.frontend.console_fake --calls 5000 --port 8090
    python -m tests.frontend.console_fake --calls 5000 --shots /tmp/shots

The second takes pictures at three sizes in two themes.
"""

import argparse
import asyncio
import contextlib
import json
import random
import time
from pathlib import Path
from uuid import UUID

from aiohttp import web

from gateway.console_page import ConsolePage
from gateway.rest import ApiSettings
from tests.frontend import webdriver

AGENTS = ("triage", "banking", "mortgage", "idv", "disputes", "investigation")
POINTS = 180
CHUNK = 500
SIZES = {"docs": (1280, 800), "wide": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
SAID = (
    ("assistant", "Good morning, you are through to banking. How can I help?"),
    ("user", "I want to check my balance. My account is ***, sort code ***."),
    ("assistant", "Thank you, Sarah. Your balance is £1,200.50."),
    ("user", "And the last three transactions, please."),
)


class Fake:
    """A gateway's worth of actors. `beat` lets half a second pass and gives the delta."""

    def __init__(self, calls, seed=1):
        self.random = random.Random(seed)
        self.actors = {}
        self.stories = {}
        self.started = self.failed = self.swapped = 0
        self.now = int(time.time() * 1000)
        self.began = self.now - 7_380_000
        self.recent = []
        fixed = {"state": "running", "incarnation": 1, "mailbox": 0, "last_exit": None, "restarted": None}
        for path, left in (("node", 5), ("node/registry", None), ("node/sessions", 0), ("node/store", None)):
            self.actors[path] = {"kind": "supervisor" if left is not None else "worker", "restarts_left": left, **fixed}
        self.actors["node/sessions"]["restarts_left"] = None
        for _ in range(calls):
            self.start(self.now - self.random.randrange(2000, 900_000))
        self.series = {name: self.wave(calls, name) for name in ("calls", "started", "failed", "swapped")}
        self.series["added_p99_ms"] = [round(0.21 + 0.08 * self.random.random(), 3) for _ in range(POINTS)]
        self.looks = 0

    def wave(self, calls, name):
        scale = {"calls": calls, "started": calls / 60, "failed": 0.4, "swapped": calls / 90}[name]
        wave = [scale * (0.82 + 0.18 * place / POINTS + 0.02 * self.random.random()) for place in range(POINTS)]
        return [int(value) if name != "failed" else int(self.random.random() < 0.06) for value in wave]

    def start(self, at):
        session_id = str(UUID(int=self.random.getrandbits(128), version=4))
        agent = self.random.choices(AGENTS, (8, 24, 6, 9, 4, 2))[0]
        url = f"ws://10.2.{AGENTS.index(agent)}.{self.random.randrange(11, 14)}:8080"
        path = f"node/sessions/{session_id}"
        self.actors[path] = {
            "kind": "session",
            "state": self.random.choices(("live", "parked", "waiting"), (96, 3, 1))[0],
            "incarnation": 1,
            "restarts_left": 5,
            "mailbox": 0,
            "agent": agent,
            "url": url,
            "generation": 1,
            "swaps": 0,
            "began": at,
            "steps": 3,
            "lines": 4,
            "lost": None,
            "caller_audio": 0 if self.random.random() < 0.7 else self.now - self.random.randrange(2000, 30_000),
            "agent_audio": 0 if self.random.random() < 0.4 else self.now - self.random.randrange(2000, 30_000),
            "stashed": 0,
            "dropped": 0,
            "added_ms": [round(0.05 + self.random.random() * 0.04, 3), round(0.12 + self.random.random() ** 4, 3)],
        }
        self.link(path, 1, agent, url)
        said = [
            {"role": role, "text": text, "agent": agent, "timestamp": at + 4000 * place}
            for place, (role, text) in enumerate(SAID)
        ]
        routed = {"agent": agent, "url": url, "generation": 1, "reason": "start"}
        steps = [
            {"event": "began", "at": at, "taken_up": False},
            {"event": "routed", "at": at + 4, **routed},
            {"event": "dialled", "at": at + 5, **routed},
            {"event": "swap", "at": at + 31, **receipt("start", agent, agent, 26, 26)},
        ]
        self.stories[session_id] = {"id": session_id, "live": True, "began": at, "steps": steps, "lines": said}
        self.started += 1
        return session_id

    def link(self, path, number, agent, url):
        self.actors[f"{path}/link-{number}"] = {
            "kind": "link",
            "state": "live",
            "incarnation": 1,
            "restarts_left": None,
            "mailbox": 0,
            "agent": agent,
            "url": url,
            "generation": number,
        }

    def lose(self, session_id):
        """A link breaks; the call goes on with another instance a little later."""
        row, now = self.actors[f"node/sessions/{session_id}"], self.now
        number = row["generation"] or 1
        policy = {"avoid": True, "bar": False, "when_none": "back_off", "returns": None}
        lost = {"agent": row["agent"], "url": row["url"], "generation": number, "cause": "broken"}
        self.tell(
            session_id,
            {"event": "link_lost", "at": now, **lost, "detail": "live: connection reset (1006)", "policy": policy},
        )
        self.actors.pop(f"node/sessions/{session_id}/link-{number}", None)
        row.update(state="dialling", url=None, generation=None, lost=now, restarts_left=row["restarts_left"] - 1)
        row.update(stashed=19_200, agent_audio=now)
        self.failed += 1
        return number

    def recover(self, session_id, number, host="10.2.9.41"):
        path = f"node/sessions/{session_id}"
        row, url = self.actors[path], f"ws://{host}:8080"
        gap = self.now - row["lost"]
        where = {"agent": row["agent"], "url": url, "generation": number + 1, "reason": "failover"}
        self.tell(session_id, {"event": "routed", "at": self.now - 20, **where})
        self.tell(session_id, {"event": "dialled", "at": self.now - 19, **where})
        self.tell(
            session_id, {"event": "swap", "at": self.now, **receipt("failover", row["agent"], row["agent"], gap, gap)}
        )
        row.update(state="live", url=url, generation=number + 1, swaps=row["swaps"] + 1, stashed=0, agent_audio=0)
        self.link(path, number + 1, row["agent"], url)
        self.swapped += 1

    def tell(self, session_id, step):
        self.stories[session_id]["steps"].append(step)
        self.actors[f"node/sessions/{session_id}"]["steps"] += 1
        self.recent.append({"session": session_id, **step})
        del self.recent[:-60]

    def instances(self):
        links = {}
        for path, row in self.actors.items():
            if path.count("/") == 3:
                links[row["agent"], row["url"]] = links.get((row["agent"], row["url"]), 0) + 1
        return [
            {"id": agent, "url": url, "status": "healthy", "activeSessions": count, "links": count, "breaker": "closed"}
            for (agent, url), count in sorted(links.items())
        ]

    def totals(self):
        calls = sum(path.count("/") == 2 for path in self.actors)
        counted = {"started": self.started, "failed": self.failed, "swapped": self.swapped}
        whole = {"calls": calls, "max_calls": 10_000, "actors": len(self.actors), "lag_ms": 2}
        return {**whole, **counted, "drain": "serving", "began": self.began}

    def frames(self):
        paths = list(self.actors)
        head = {"agents": self.instances(), "totals": self.totals(), "recent": self.recent}
        head["series"] = {"step_s": 5, "points": POINTS, **self.series}
        for place in range(0, len(paths), CHUNK):
            part = {path: self.actors[path] for path in paths[place : place + CHUNK]}
            more = {"more": True} if place + CHUNK < len(paths) else {}
            yield ("delta" if place else "snapshot"), {"at": self.now, **head, "actors": part, **more}
            head = {}

    def beat(self):
        """Half a second: audio starts and stops, delays move."""
        self.now += 500
        changed = {}
        sessions = [path for path in self.actors if path.count("/") == 2]
        for path in self.random.sample(sessions, min(len(sessions), 400)):
            row = self.actors[path]
            if row["state"] == "live":
                row["caller_audio"] = 0 if row["caller_audio"] else self.now
                row["added_ms"] = [row["added_ms"][0], round(0.12 + self.random.random() ** 4, 3)]
                changed[path] = {name: row[name] for name in ("caller_audio", "added_ms")}
        return {"at": self.now, "actors": changed, "totals": self.totals()}


def receipt(reason, source, target, gap_ms, took_ms):
    replayed = {"texts": int(reason != "start"), "audio_frames": gap_ms // 20, "audio_bytes": 0, "dropped_frames": 0}
    names = {"reason": reason, "outcome": "done", "from": source, "to": target, "attempts": 1}
    return {
        **names,
        "gap_ms": gap_ms,
        "took_ms": took_ms,
        "replayed": replayed,
        "memory_keys": ["account", "verified", "userName"],
    }


class Server:
    """The page, the stream and the stories over HTTP."""

    def __init__(self, fake):
        self.fake = fake
        self.frames = []
        self.over = False
        self.more = asyncio.Condition()

    async def put(self, kind, data):
        async with self.more:
            self.frames.append((kind, data))
            self.more.notify_all()

    async def stream(self, request):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for kind, data in self.fake.frames():
            await response.write(encoded(kind, data))
        with contextlib.suppress(ConnectionError):  # the page has gone
            await self.pass_on(request, response)
        return response

    async def pass_on(self, request, response):
        place = len(self.frames)
        while request.transport is not None and not self.over:
            await self.wait(place)
            for kind, data in self.frames[place:]:
                await response.write(encoded(kind, data))
            place = len(self.frames)

    async def wait(self, place):
        async with self.more:
            await self.more.wait_for(lambda: len(self.frames) > place or self.over)

    async def end(self):
        self.over = True
        async with self.more:
            self.more.notify_all()

    async def story(self, request):
        return web.json_response(self.fake.stories[request.match_info["id"]])

    async def health(self, _):
        return web.json_response({"status": "healthy"})

    def application(self):
        app = web.Application()
        health = web.get("/health", self.health)
        live, story = web.get("/admin/live", self.stream), web.get("/admin/sessions/{id}", self.story)
        app.add_routes([live, story, health, *ConsolePage().routes(ApiSettings())])
        return app


def encoded(kind, data):
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


@contextlib.asynccontextmanager
async def serving(fake, port=0):
    server = Server(fake)
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        yield server, f"http://127.0.0.1:{runner.addresses[0][1]}/admin/"
    finally:
        await server.end()
        await runner.cleanup()


def trouble(fake):
    """One call in the middle of its second failover, one that has failed over, a few that have been through it."""
    ids = list(fake.stories)
    now, hero = fake.now, ids[-1]
    fake.stories[hero]["steps"][0]["at"] = now - 154_000
    for step in fake.stories[hero]["steps"]:
        step["at"] = now - 154_000 + (step["at"] - fake.stories[hero]["began"] if step["event"] != "began" else 0)
    fake.stories[hero]["began"] = now - 154_000
    row = fake.actors[f"node/sessions/{hero}"]
    row.update(began=now - 154_000, agent="banking", state="live")
    for step in fake.stories[hero]["steps"]:
        step.update({name: "banking" for name in ("agent", "from", "to") if name in step})
    for before_s, gap_ms in ((71, 1840), (2, 0)):
        fake.now = now - before_s * 1000
        number = fake.lose(hero)
        if gap_ms:
            fake.now += gap_ms
            fake.recover(hero, number)
    fake.now = now
    for session_id in fake.random.sample(ids[:-1], 6):
        fake.now = now - fake.random.randrange(1000, 50_000)
        number = fake.lose(session_id)
        fake.now += 640
        fake.recover(session_id, number)
    fake.now = now
    fake.recent.sort(key=lambda step: step["at"])
    fake.series["failed"][-4:] = [0, 3, 5, 2]
    return hero


async def take_pictures(calls, folder):
    folder.mkdir(parents=True, exist_ok=True)
    fake = Fake(calls)
    hero = trouble(fake)
    async with serving(fake) as (server, url), webdriver.browser() as page:
        for theme in ("light", "dark"):
            await page.prefer(color_scheme=theme, reduced_motion="reduce")
            for name, size in SIZES.items():
                await page.resize(*size)
                await page.open("about:blank")
                await page.open(url)
                await page.wait_true(f"document.getElementById('shown').textContent.includes('{calls:,}')")
                await server.put("delta", fake.beat())
                await asyncio.sleep(1)
                await page.screenshot(folder / f"calm-{name}-{theme}.png")
                await page.type("#order", "Trouble")
                await page.run("document.activeElement.blur()")
                await page.run(f"location.hash = 'node/sessions/{hero}'")
                await page.wait_true("document.querySelectorAll('.ribbon span').length > 3")
                await asyncio.sleep(1)
                await page.screenshot(folder / f"failover-{name}-{theme}.png")
        print(await page.console_errors())  # noqa: T201


async def serve(calls, port):
    fake = Fake(calls)
    trouble(fake)
    async with serving(fake, port) as (server, url):
        print(url)  # noqa: T201
        while True:
            await asyncio.sleep(0.5)
            await server.put("delta", fake.beat())


def main():
    parser = argparse.ArgumentParser(description="Show the console with simulated calls.")
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--shots", type=Path, help="take pictures into this folder and end")
    given = parser.parse_args()
    asyncio.run(take_pictures(given.calls, given.shots) if given.shots else serve(given.calls, given.port))


if __name__ == "__main__":
    main()
