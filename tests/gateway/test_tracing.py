"""The spans of whole calls, as a receiver decodes them."""

import asyncio
import base64
import json
import threading
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult

from actors.ids import AgentId, Generation, SessionId
from actors.session_events import LinkDialled, Parked, Resumed, SessionBegan, SessionEnded
from actors.trace_context import link_span_id, trace_id, traceparent
from actors.verdict import Verdict
from gateway import config
from gateway.app import Gateway
from gateway.config import Settings
from gateway.span_export import SpanQueue
from gateway.tracing import Tracing
from tests.gateway.test_calls import Agent, call, eventually, register, running, said, until

PATIENCE_S = 20.0
ID = SessionId("0b54c7a2-1111-4222-8333-444455556666")


class Receiver:
    """Decodes what is sent to it."""

    def __init__(self):
        self.spans = []
        self.headers = []
        self.paths = []
        self.status = 200

    async def take(self, request):
        message = ExportTraceServiceRequest.FromString(await request.read())
        self.headers.append(request.headers)
        self.paths.append(request.path)
        self.spans += [span for part in message.resource_spans for scope in part.scope_spans for span in scope.spans]
        return web.Response(status=self.status)

    def named(self, name):
        return [span for span in self.spans if span.name == name]


@asynccontextmanager
async def receiving():
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    yield receiver
    await runner.cleanup()


@asynccontextmanager
async def serving(tmp_path, **settings):
    common = {"host": "127.0.0.1", "port": 0, "park_s": 0, "patience_s": 1, "stop_s": 5, "data_dir": tmp_path}
    gateway = Gateway(Settings(**common, **settings))
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def plain(span):
    kinds = {"string_value": str, "int_value": int, "double_value": float, "bool_value": bool}
    values = {row.key: row.value for row in span.attributes}
    return {
        key: kinds[value.WhichOneof("value")](getattr(value, value.WhichOneof("value")))
        for key, value in values.items()
        if value.WhichOneof("value") in kinds
    }


class Giver(Agent):
    """Hands the caller over when he says so, and remembers the headers of its handshakes."""

    def __init__(self, name):
        super().__init__(name)
        self.headers = []

    async def serve(self, socket):
        self.headers.append(socket.request.headers)
        await super().serve(socket)

    async def react(self, socket, frame):
        if isinstance(frame, str) and json.loads(frame).get("text") == "banking please":
            asked = {"type": "handoff_request", "targetAgentId": "banking", "graphState": {}, "reason": "asked"}
            await socket.send(json.dumps(asked))
            return
        await super().react(socket, frame)


@pytest.mark.real
async def test_a_call_with_a_handoff_and_a_failover_is_one_trace(tmp_path):
    triage, one, two = Giver("triage"), Giver("one"), Giver("two")
    async with (
        receiving() as receiver,
        running(triage),
        running(one),
        running(two),
        serving(tmp_path, otlp_endpoint=receiver.url) as gateway,
    ):
        await register(gateway, triage, "triage")
        await register(gateway, one, "banking")
        await register(gateway, two, "banking")
        async with call(gateway) as socket:
            session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
            await socket.send(json.dumps({"type": "text_input", "text": "my account is 12345678"}))
            await until(socket, said)
            await socket.send(json.dumps({"type": "text_input", "text": "banking please"}))
            await until(socket, lambda message: message["type"] == "handoff_event")
            await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
            await until(socket, said)
            serving_one, other = (one, two) if one.sockets else (two, one)
            for link in list(serving_one.sockets):
                link.transport.abort()
            await eventually(lambda: len(one.inits) + len(two.inits) == 2)
            await socket.send(json.dumps({"type": "text_input", "text": "still there?"}))
            await until(socket, said)
        await eventually(lambda: not len(gateway.calls))
    (root,) = receiver.named("session")
    assert receiver.paths[0] == "/v1/traces"
    assert {span.trace_id.hex() for span in receiver.spans} == {trace_id(session_id)} == {session_id.replace("-", "")}
    assert all(span.parent_span_id == root.span_id for span in receiver.spans if span is not root)
    assert len(receiver.named("link triage")) == 1
    first, second = receiver.named("link banking")
    assert [span.span_id.hex() for span in (first, second)] == [
        link_span_id(session_id, 2),
        link_span_id(session_id, 3),
    ]
    assert [event.name for event in first.events] == ["lost"]
    assert first.status.code == 2
    assert second.status.code != 2
    assert [event.name for event in root.events] == ["routed", "routed", "link lost", "routed"]
    swaps = [plain(span)["understudy.reason"] for span in receiver.spans if span.name.startswith("swap")]
    assert swaps == ["start", "handoff", "failover"]
    assert plain(root)["understudy.close_code"] == 1000
    assert plain(root)["understudy.swaps"] == 2
    assert plain(root)["langfuse.trace.output"] == f"{other.name} heard still there?"
    assert len(receiver.spans) == 7
    assert "12345678" not in repr(receiver.spans)
    assert triage.headers[0]["traceparent"] == traceparent(session_id, 1) == triage.inits[0]["traceparent"]
    assert serving_one.headers[0]["traceparent"] == traceparent(session_id, 2)


@pytest.mark.real
async def test_langfuse_keys_alone_send_there_and_the_headers_of_another_receiver_do_not(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-secret=1")
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk")
    async with receiving() as receiver:
        monkeypatch.setenv("LANGFUSE_HOST", receiver.url)
        async with running(Agent("triage")) as agent, serving(tmp_path) as gateway:
            await register(gateway, agent, "triage")
            async with call(gateway) as socket:
                await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
                await until(socket, said)
            await eventually(lambda: not len(gateway.calls))
    assert receiver.paths[0] == "/api/public/otel/v1/traces"
    assert receiver.headers[0]["Authorization"] == "Basic " + base64.b64encode(b"pk:sk").decode()
    assert "x-secret" not in receiver.headers[0]
    (root,) = receiver.named("session")
    assert plain(root)["langfuse.trace.output"] == "triage heard hello"
    assert plain(root)["langfuse.session.id"] == plain(root)["session.id"]
    assert plain(receiver.named("link triage")[0])["langfuse.observation.output"] == "triage heard hello"


@pytest.mark.real
async def test_untraced_calls_tell_agents_of_no_trace(tmp_path):
    async with running(Giver("triage")) as agent, serving(tmp_path) as gateway:
        await register(gateway, agent, "triage")
        async with call(gateway) as socket:
            await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
            await until(socket, said)
        assert "traceparent" not in agent.headers[0]
        assert "traceparent" not in agent.inits[0]


class Slow:
    """An exporter that waits to be let go."""

    def __init__(self):
        self.entered, self.go = threading.Event(), threading.Event()
        self.batches = []

    def export(self, spans):
        self.entered.set()
        self.go.wait(PATIENCE_S)
        self.batches.append(len(spans))
        return SpanExportResult.SUCCESS

    def shutdown(self):
        self.go.set()


def test_a_receiver_that_hangs_costs_spans_and_nothing_else():
    exporter = Slow()
    queue = SpanQueue(exporter, "slow", max_waiting=300)
    for _ in range(256):
        queue.on_end(None)
    assert exporter.entered.wait(PATIENCE_S)
    for _ in range(310):
        queue.on_end(None)
    assert (queue.waiting, queue.dropped) == (300, 10)
    exporter.go.set()
    queue.stop(PATIENCE_S)
    assert (queue.exported, queue.dropped, queue.waiting) == (556, 10, 0)


def test_stopping_sends_what_waits_and_counts_what_comes_later():
    exporter = Slow()
    exporter.go.set()
    queue = SpanQueue(exporter, "x")
    queue.on_end(None)
    queue.stop(PATIENCE_S)
    queue.on_end(None)
    assert (exporter.batches, queue.dropped) == ([1], 1)


def test_a_failed_export_is_counted():
    class Failing(Slow):
        def export(self, _):
            raise OSError

    queue = SpanQueue(Failing(), "x")
    queue.on_end(None)
    queue.stop(PATIENCE_S)
    assert queue.dropped == 1


class Kept(Slow):
    def __init__(self):
        super().__init__()
        self.spans = []

    def export(self, spans):
        self.spans += spans
        return SpanExportResult.SUCCESS


async def test_a_session_without_an_end_record_leaves_no_open_span():
    exporter = Kept()
    tracing = Tracing({"kept": exporter})
    tracing.observe(ID, SessionBegan(ID))
    tracing.observe(ID, LinkDialled(ID, AgentId("idv"), "ws://u:p@host:1/x", Generation(1), "start"))
    tracing.observe(ID, Parked(ID, 60.0))
    tracing.observe(ID, Resumed(ID))
    tracing.forget(ID)
    tracing.forget(ID)
    tracing.observe(ID, SessionEnded(ID, Verdict.CALLER_LEFT, (), 0, (), 1.0))
    await asyncio.to_thread(tracing.stop, PATIENCE_S)
    link, root = exporter.spans
    assert (link.name, root.name) == ("link idv", "session")
    assert not root.status.is_ok
    assert [event.name for event in root.events] == ["parked", "resumed"]
    assert link.attributes["server.address"] == "host"
    assert "u:p" not in repr(dict(link.attributes))


@pytest.mark.parametrize("session_id", ["not a uuid", "", "00000000-0000-0000-0000-000000000000"])
def test_every_session_id_has_a_valid_trace_id(session_id):
    assert len(trace_id(SessionId(session_id))) == 32
    assert int(trace_id(SessionId(session_id)), 16)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"langfuse_public_key": "pk"}, "given together"),
        ({"otlp_endpoint": "collector:4317"}, "otlp_endpoint begins with http"),
    ],
)
def test_settings_that_can_send_nothing_are_refused(given, words):
    with pytest.raises(config.BadSettings, match=words):
        config.load(**given)
