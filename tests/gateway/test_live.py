"""The live stream over real sockets, and its parts without any."""

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager

import pytest
import websockets

from actors.ids import AgentId, SessionId
from actors.receipt import Outcome, Receipt, SwapReason
from actors.session_events import LinkLost, Parked, Resumed, SessionBegan, SessionEnded, SwapEnded, TranscriptLine
from actors.verdict import Verdict
from gateway import live as live_module
from gateway.chronicle import FIRST_STEPS, LAST_STEPS, MAX_ENDED, Chronicle
from gateway.delay import Delays
from gateway.live import changes
from gateway.trends import POINTS, Trends
from gateway.viewers import Bounds, Viewer
from supervisor import events
from supervisor.messages import KillChild, ToPath
from supervisor.reasons import Crashed
from tests.gateway.test_calls import Agent, call, eventually, register, running, said, until

pytestmark = pytest.mark.real
WITHIN_S = 20.0
ID = SessionId("s-1")


class Stream:
    """What a viewer has been told: the actors as the deltas leave them, and everything by kind."""

    def __init__(self, answer):
        self.answer = answer
        self.actors = {}
        self.whole = {}
        self.told = []

    async def read(self):
        kind, data = "", None
        while (line := (await self.answer.content.readline()).decode()) != "\n":
            assert line, "the stream has ended"
            name, _, value = line.rstrip("\n").partition(": ")
            kind, data = (value, data) if name == "event" else (kind, json.loads(value) if name == "data" else data)
        if data is not None:
            self.take(kind, data)
        return kind, data

    def take(self, kind, data):
        self.told.append((kind, data))
        if kind == "event":
            return
        if kind == "snapshot":
            self.actors, self.whole = {}, {}
        for path, fields in data.get("actors", {}).items():
            self.actors.setdefault(path, {}).update(fields)
        for path in data.get("gone", []):
            del self.actors[path]
        self.whole.update(data)

    async def until(self, holds):
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                await self.read()

    def steps(self, kind):
        return [data for name, data in self.told if name == "event" and data["event"] == kind]

    def session(self, session_id):
        return self.actors.get(f"node/sessions/{session_id}", {})


@asynccontextmanager
async def looking(rest, **headers):
    async with rest.client.get(f"{rest.base}/admin/live", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        stream = Stream(answer)
        assert (await asyncio.wait_for(stream.read(), WITHIN_S))[0] == "snapshot"
        yield stream


async def begin(socket, text="hello"):
    session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
    await socket.send(json.dumps({"type": "text_input", "text": text}))
    await until(socket, said)
    return session_id


@pytest.mark.parametrize("settings", [{"admin_token": "t"}], indirect=True)
async def test_a_token_guards_stream_and_stories(rest):
    for path in ("/admin/live", "/admin/sessions/x"):
        assert (await rest.get(path))[0] == 401
    assert (await rest.post("/admin/sessions/x/end"))[0] == 401
    async with looking(rest, Authorization="Bearer t") as stream:
        assert "node/registry" in stream.actors


@pytest.mark.parametrize("settings", [{"admin_networks": "10.0.0.0/8"}], indirect=True)
async def test_without_a_token_only_trusted_networks_look(rest):
    assert (await rest.get("/admin/live"))[0] == 403


async def test_a_snapshot_shows_tree_calls_agents_totals_and_trends(rest):
    async with running(Agent("triage")) as agent, call(rest.gateway) as socket:
        await register(rest.gateway, agent, "triage")
        session_id = await begin(socket)
        rest.gateway.trends.look()
        async with looking(rest) as stream:
            assert {"node", "node/store", "node/registry", "node/sessions"} < set(stream.actors)
            row = stream.session(session_id)
            assert (row["kind"], row["state"], row["agent"], row["mailbox"]) == ("session", "live", "triage", 0)
            assert row["restarts_left"] == 5
            assert stream.actors[f"node/sessions/{session_id}/link-1"]["state"] == "live"
            assert stream.whole["totals"]["calls"] == 1
            assert stream.whole["totals"]["drain"] == "serving"
            assert [(row["id"], row["links"]) for row in stream.whole["agents"]] == [("triage", 1)]
            assert (stream.whole["series"]["calls"], stream.whole["series"]["started"]) == ([1], [1])
            assert [step["event"] for step in stream.whole["recent"]][:2] == ["began", "routed"]


async def test_deltas_hold_what_changed_and_only_that(rest):
    async with running(Agent("triage")) as agent:
        await register(rest.gateway, agent, "triage")
        async with looking(rest) as stream:
            async with call(rest.gateway) as socket:
                session_id = await begin(socket)
                await stream.until(lambda: stream.session(session_id).get("state") == "live")
                for _ in range(16):
                    await socket.send(b"\x01" * 640)
                    await socket.recv()
                await stream.until(lambda: stream.session(session_id).get("added_ms"))
                assert stream.session(session_id)["caller_audio"] == 0
                await stream.until(lambda: stream.session(session_id)["caller_audio"])
                kind, delta = stream.told[-1]
                assert kind == "delta"
                assert set(delta["actors"].get(f"node/sessions/{session_id}", ())) <= {"caller_audio", "agent_audio"}
                assert "node/registry" not in delta["actors"]
            await stream.until(lambda: not stream.session(session_id))
            (ended,) = stream.steps("ended")
            assert (ended["verdict"], ended["frames"]["to_agent"], ended["dropped"]) == ("caller_left", 17, 0)
            assert ended["added"]["to_agent"]["measured"] == 2
            assert 0 < ended["added"]["to_agent"]["p50_ms"] <= ended["added"]["to_agent"]["max_ms"]


async def test_a_lost_link_and_its_failover_arrive_with_cause_policy_and_receipt(rest):
    async with running(Agent("one")) as one, running(Agent("two")) as two, call(rest.gateway) as socket:
        await register(rest.gateway, one, "triage")
        await register(rest.gateway, two, "triage")
        session_id = await begin(socket)
        async with looking(rest) as stream:
            for link in [*one.sockets, *two.sockets]:
                link.transport.abort()
            await stream.until(lambda: stream.steps("swap"))
            await stream.until(lambda: stream.session(session_id).get("generation") == 2)
            lost, swap = stream.steps("link_lost")[0], stream.steps("swap")[0]
            assert (lost["session"], lost["cause"], lost["policy"]["when_none"]) == (session_id, "broken", "back_off")
            assert (swap["reason"], swap["outcome"]) == ("failover", "done")
            assert stream.session(session_id)["lost"] >= stream.session(session_id)["began"]
            story = (await rest.get(f"/admin/sessions/{session_id}"))[1]
            assert [step["event"] for step in story["steps"]].count("link_lost") == 1
            assert [line["text"] for line in story["lines"]][-1].endswith("heard hello")


async def test_a_restarted_actor_is_told(rest):
    async with looking(rest) as stream:
        rest.gateway.base.tell(rest.gateway._node, ToPath("node", KillChild("store"), rest.gateway._node))
        await stream.until(lambda: stream.steps("actor_restarting"))
        await stream.until(lambda: stream.actors["node/store"]["incarnation"] == 2)
        assert stream.steps("actor_restarting")[0]["actor"] == "node/store"
        assert stream.actors["node/store"]["last_exit"] == "killed"
        assert stream.actors["node/store"]["restarted"]


@pytest.mark.parametrize("settings", [{"park_s": 30}], indirect=True)
async def test_a_caller_who_leaves_and_comes_back_is_told(rest):
    async with running(Agent("triage")) as agent, looking(rest) as stream:
        await register(rest.gateway, agent, "triage")
        async with call(rest.gateway) as socket:
            token = (await until(socket, lambda message: message["type"] == "connected"))["resumeToken"]
            await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
            await until(socket, said)
            socket.transport.abort()
        await stream.until(lambda: stream.steps("parked"))
        session_id = stream.steps("parked")[0]["session"]
        await stream.until(lambda: stream.session(session_id).get("state") == "parked")
        async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic?resume={token}"):
            await stream.until(lambda: stream.steps("resumed"))
            await stream.until(lambda: stream.session(session_id).get("state") == "live")


@pytest.mark.parametrize("settings", [{"chaos": True}], indirect=True)
async def test_a_killed_session_is_told_and_counted_once(rest):
    async with running(Agent("triage")) as agent, looking(rest) as stream, call(rest.gateway) as socket:
        await register(rest.gateway, agent, "triage")
        session_id = await begin(socket)
        await rest.post("/admin/chaos/kill", {"actor": f"node/sessions/{session_id}"})
        await stream.until(lambda: stream.steps("ended"))
        (told,) = stream.steps("ended")
        assert (told["session"], told["verdict"], told["code"], told["good"]) == (session_id, "our_bug", 1011, False)
        await eventually(lambda: not rest.gateway.chronicle.is_live(session_id))
    assert rest.gateway.chronicle.failed == 1
    assert b'sessions_ended_total{code="1011",verdict="our_bug"} 1.0' in await rest.gateway.metrics.text()


async def test_an_ended_call_is_over_for_good_and_can_still_be_read(rest, lines):
    async with running(Agent("triage")) as agent, call(rest.gateway) as socket:
        await register(rest.gateway, agent, "triage")
        session_id = await begin(socket, "my account is 12345678")
        assert (await rest.post(f"/admin/sessions/{session_id}/end"))[0] == 202
        await asyncio.wait_for(socket.wait_closed(), WITHIN_S)
        assert (socket.close_code, socket.close_reason) == (1000, "ended by an operator")
        await eventually(lambda: not rest.gateway.chronicle.is_live(session_id))
    status, story = await rest.get(f"/admin/sessions/{session_id}")
    assert (status, story["live"], story["steps"][-1]["verdict"]) == (200, False, "ended_by_operator")
    assert "12345678" not in json.dumps(story)
    assert (await rest.post(f"/admin/sessions/{session_id}/end"))[0] == 404
    assert (await rest.get("/admin/sessions/nobody"))[0] == 404
    audits = [line for line in lines if "audit:" in line]
    assert len(audits) == 2
    assert f"POST /admin/sessions/{session_id}/end" in audits[0]
    assert "by 127.0.0.1: 202" in audits[0]


@pytest.fixture
def lines():
    from loguru import logger

    kept = []
    sink = logger.add(lambda message: kept.append(str(message)), level="INFO")
    yield kept
    logger.remove(sink)


async def test_nothing_is_read_while_nobody_looks(rest):
    live = rest.gateway.live
    assert (live.readings, live._task) == (0, None)
    async with looking(rest) as stream:
        await stream.until(lambda: live.readings > 1 or stream.told)
        assert len(live.viewers) == 1
    await eventually(live._task.done)
    readings = live.readings
    async with running(Agent("triage")) as agent, call(rest.gateway) as socket:
        await register(rest.gateway, agent, "triage")
        await begin(socket)
    assert (live.readings, len(live.viewers)) == (readings, 0)


async def test_one_reading_serves_all_who_look(rest):
    async with looking(rest) as one, looking(rest) as two:
        readings = rest.gateway.live.readings
        await register_nobody(rest)
        await asyncio.gather(one.until(lambda: one.whole["agents"]), two.until(lambda: two.whole["agents"]))
        assert one.told[-1][1]["at"] == two.told[-1][1]["at"]
        assert rest.gateway.live.readings > readings


async def register_nobody(rest):
    await rest.post("/api/agents/register", {"id": "triage", "url": "ws://127.0.0.1:9", "capabilities": {}})


async def test_too_many_viewers_are_refused(rest):
    rest.gateway.live.viewers.bounds = Bounds(viewers=1)
    async with looking(rest):
        assert (await rest.get("/admin/live"))[0] == 503


async def test_who_does_not_read_is_dropped_and_calls_go_on(rest):
    rest.gateway.live.viewers.bounds = Bounds(write_s=0.05)
    large = live_module._frame("delta", {"x": "y" * (1 << 20)})
    reader, writer = await asyncio.open_connection("127.0.0.1", rest.gateway.port, limit=1024)
    writer.write(b"GET /admin/live HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readline()
    live = rest.gateway.live
    await eventually(lambda: live.readings)
    async with running(Agent("triage")) as agent, call(rest.gateway) as socket:
        await register(rest.gateway, agent, "triage")
        await begin(socket)

        def dropped():
            live.viewers.put(large)
            return not len(live.viewers)

        await eventually(dropped)
        await socket.send(json.dumps({"type": "text_input", "text": "still there?"}))
        assert (await until(socket, said))["text"] == "triage heard still there?"
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_stop_ends_every_stream(rest):
    async with looking(rest) as stream:
        await rest.gateway.live.stop()
        async with asyncio.timeout(WITHIN_S):
            assert await stream.answer.content.read() is not None
        assert not len(rest.gateway.live.viewers)


async def test_a_bug_of_a_reading_ends_the_streams_and_the_next_viewer_is_served(rest, monkeypatch):
    async def broken():
        raise RuntimeError("bug")

    async with looking(rest) as stream:
        with monkeypatch.context() as patch:
            patch.setattr(rest.gateway.live._glance, "read", broken)
            async with asyncio.timeout(WITHIN_S):
                await stream.answer.content.read()
    async with looking(rest) as stream:
        assert "node" in stream.actors


async def test_many_actors_come_in_several_frames(rest, monkeypatch):
    monkeypatch.setattr(live_module, "CHUNK", 2)
    async with looking(rest) as stream:
        assert (len(stream.actors), stream.told[-1][1]["more"]) == (2, True)
        await stream.until(lambda: "more" not in stream.told[-1][1])
        assert len(stream.actors) == 4


# --- parts ---------------------------------------------------------------------------------------------------------


def test_a_viewer_with_too_much_waiting_forgets_it_and_wants_a_snapshot():
    viewer = Viewer(Bounds(waiting_bytes=10), lambda: False)
    viewer.put(b"early")
    viewer.wants_snapshot = False
    for _ in range(2):
        viewer.put(b"12345")
    assert not viewer.wants_snapshot
    viewer.put(b"6")
    assert (viewer.wants_snapshot, viewer.overrun) == (True, 1)
    viewer.wants_snapshot = False
    viewer.put(b"snapshot")
    assert asyncio.run(viewer.take()) == b"snapshot"


async def test_a_quiet_stream_says_so():
    viewer = Viewer(Bounds(quiet_s=0), lambda: False)
    assert await viewer.take() == b":\n\n"


def test_changes_are_fields_new_rows_and_gone_paths():
    before = {"a": {"x": 1, "y": 2}, "b": {"x": 1}, "c": {"x": 1}}
    now = {"a": {"x": 1, "y": 3}, "b": {"x": 1}, "d": {"x": None}}
    assert changes(before, now) == ({"a": {"y": 3}, "d": {"x": None}}, ["c"])


def lost(number=1):
    return LinkLost(ID, AgentId("triage"), "ws://x", number, "broken", "account 12345678")


def test_a_story_keeps_how_it_began_and_how_it_goes_on_within_bounds():
    chronicle = Chronicle(lambda: 1.0)
    chronicle.observe(ID, SessionBegan(ID))
    for number in range(FIRST_STEPS + LAST_STEPS + 50):
        chronicle.observe(ID, lost(number))
    chronicle.observe(ID, TranscriptLine(ID, "user", "secret", AgentId("triage"), 0))
    story = chronicle.story(ID)
    steps = story.steps()
    assert len(steps) == FIRST_STEPS + LAST_STEPS
    assert (steps[0]["event"], steps[-1]["generation"]) == ("began", FIRST_STEPS + LAST_STEPS + 49)
    assert (story.lines, story.lost_ms) == (1, 1000)
    assert "12345678" not in str(steps)
    assert "secret" not in str(steps)


def test_ended_stories_are_bounded_and_a_late_record_does_not_revive_one():
    chronicle = Chronicle(lambda: 1.0)
    for number in range(MAX_ENDED + 5):
        name = SessionId(f"s-{number}")
        chronicle.observe(name, SessionBegan(name))
        chronicle.call_over(name)
        chronicle.observe(name, SessionEnded(name, Verdict.OUR_BUG, (), 0, (), 1.0))
    assert chronicle.story(SessionId("s-0")) is None
    assert chronicle.story(SessionId("s-5")).steps()[-1]["verdict"] == "our_bug"
    assert not chronicle.is_live(SessionId("s-5"))
    assert (len(chronicle._live), len(chronicle._ended)) == (0, MAX_ENDED)


def test_every_event_that_is_shown_has_plain_values():
    chronicle = Chronicle(lambda: 1.0)
    receipt = Receipt(
        SwapReason.FAILOVER, AgentId("a"), AgentId("b"), Outcome.DONE, 1, 20, 30, memory_keys=("account",)
    )
    for event in (SessionBegan(ID), lost(), SwapEnded(ID, receipt), Parked(ID, 60.0), Resumed(ID)):
        chronicle.observe(ID, event)
    chronicle.emit(events.ChildExited("node/store", 1, Crashed(OSError("disk")), 1.0))
    chronicle.emit(events.ChildRestarting("node/store", 0.1, 1, 4))
    shown = [step["event"] for step in json.loads(json.dumps(chronicle.recent()))]
    assert shown == ["began", "link_lost", "swap", "parked", "resumed", "actor_restarting"]
    assert (chronicle.started, chronicle.failed, chronicle.swapped) == (1, 1, 1)
    assert chronicle.past("node/store").restarted_ms == 1000


def test_trends_keep_a_quarter_of_an_hour_and_no_more():
    chronicle, delays = Chronicle(lambda: 1.0), Delays()
    trends = Trends(lambda: 7, chronicle, [delays])
    chronicle.observe(ID, SessionBegan(ID))
    delays.note(0.002)
    trends.look()
    for _ in range(POINTS):
        assert trends.series()["started"][0] == 1
        trends.look()
    series = trends.series()
    assert len(series["calls"]) == POINTS == 180
    assert (series["started"][0], series["added_p99_ms"][0]) == (0, None)
    assert trends.newest()["calls"] == 7


def test_a_point_tells_of_its_own_time_only():
    chronicle, delays = Chronicle(lambda: 1.0), Delays()
    trends = Trends(lambda: 1, chronicle, [delays])
    assert trends.newest() is None
    for _ in range(10):
        delays.note(0.5)
    trends.look()
    delays.note(0.001)
    trends.look()
    slow, fast = trends.series()["added_p99_ms"]
    assert slow > 400
    assert fast < 2
