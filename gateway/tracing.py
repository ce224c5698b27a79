"""One trace per session, written with OpenTelemetry: spans for the session, each link and each swap; never for a frame.

The trace id follows from the session id and a link's span id from its number, so agents join the trace without asking.
"""

from __future__ import annotations

import base64
import os
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TRACES_HEADERS
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from actors.receipt import Outcome
from actors.session_events import (
    LinkDialled,
    LinkEnded,
    LinkLost,
    Parked,
    Resumed,
    Routed,
    SessionBegan,
    SessionEnded,
    SwapEnded,
    TranscriptLine,
)
from actors.trace_context import link_span_id, trace_id
from actors.verdict import Verdict
from gateway.close_codes import TO_CALLER
from gateway.masking import mask
from gateway.span_export import SpanQueue
from gateway.telemetry import EVERY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span
    from opentelemetry.util.types import Attributes
    from prometheus_client.core import Metric

    from actors.ids import Generation, SessionId
    from actors.receipt import Receipt
    from gateway.telemetry import Observers

MAX_OPEN: Final = 20_000  # sessions whose end has not been reported; the oldest is given up
MAX_WORDS: Final = 2000  # characters of an input or output
MAX_SESSION_ID: Final = 200  # of Langfuse, ASCII only
EXPORT_S: Final = 5.0  # one attempt
_GOOD: Final = frozenset({Verdict.CALLER_LEFT, Verdict.SWAPPED, Verdict.SHUTDOWN, Verdict.ENDED_BY_OPERATOR})


class SessionIds(IdGenerator):
    """Gives the ids that were put down for the next span, else random ones. For one thread."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.next_trace = ""
        self.next_span = ""

    def generate_trace_id(self) -> int:
        """Give the trace id of the session that begins."""
        given, self.next_trace = self.next_trace, ""
        return int(given, 16) if given else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        """Give the span id of the link that is dialled, or a random one."""
        given, self.next_span = self.next_span, ""
        return int(given, 16) if given else self._random.generate_span_id()


@dataclass(slots=True)
class _Call:
    root: Span
    links: dict[Generation, Span] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


class Tracing:
    """A `Tracer` that writes spans; ``content``: whether inputs and outputs are in them, masked."""

    def __init__(self, exporters: dict[str, SpanExporter], *, content: bool = True) -> None:
        self.queues = [SpanQueue(exporter, name) for name, exporter in exporters.items()]
        self._content = content
        self._ids = SessionIds()
        resource = Resource.create({SERVICE_NAME: "understudy"})
        provider = TracerProvider(resource=resource, id_generator=self._ids, sampler=ALWAYS_ON, shutdown_on_exit=False)
        for queue in self.queues:
            provider.add_span_processor(queue)
        self._tracer = provider.get_tracer("understudy")
        self._calls: OrderedDict[SessionId, _Call] = OrderedDict()
        self.observers: Observers = dict.fromkeys(EVERY, self.observe) if self.queues else {}

    def observe(self, session_id: SessionId, event: object) -> None:
        """Take one event of a session."""
        if isinstance(event, SessionBegan):
            self._begin(session_id, event)
            return
        call = self._calls.get(session_id)
        if call is None:
            return
        match event:
            case Routed():
                call.root.add_event("routed", {"agent": event.agent_id, "reason": event.reason})
            case LinkDialled():
                self._dial(session_id, call, event)
            case LinkLost():
                _lose(call, event)
            case LinkEnded(generation=generation):
                if (span := call.links.pop(generation, None)) is not None:
                    span.end()
            case SwapEnded(receipt=receipt):
                self._swap(session_id, call, receipt)
            case Parked() | Resumed():
                call.root.add_event(type(event).__name__.lower())
            case TranscriptLine(role=role, text=text) if self._content:
                _say(call, role, mask(text[:MAX_WORDS]))
            case SessionEnded():
                self._end(session_id, call, event)

    def forget(self, session_id: SessionId) -> None:
        """A session is over; where it could not say so itself, its trace says that."""
        call = self._calls.pop(session_id, None)
        if call is not None:
            call.root.set_status(Status(StatusCode.ERROR, "the session ended without an end record"))
            _close(call)

    def stop(self, deadline_s: float) -> None:
        """End what is open and send what waits, within the deadline. Blocks."""
        for session_id in list(self._calls):
            self.forget(session_id)
        until = time.monotonic() + deadline_s
        for queue in self.queues:
            queue.stop(max(0.0, until - time.monotonic()))

    def families(self) -> Iterable[Metric]:
        """What `/metrics` says of the export."""
        sent = CounterMetricFamily("understudy_trace_spans_exported", "Spans sent.", labels=("receiver",))
        lost = CounterMetricFamily("understudy_trace_spans_dropped", "Spans not sent.", labels=("receiver",))
        left = GaugeMetricFamily("understudy_trace_spans_waiting", "Spans to be sent.", labels=("receiver",))
        for queue in self.queues:
            sent.add_metric((queue.name,), queue.exported)
            lost.add_metric((queue.name,), queue.dropped)
            left.add_metric((queue.name,), queue.waiting)
        return (sent, lost, left)

    # --- inside ---

    def _begin(self, session_id: SessionId, event: SessionBegan) -> None:
        self._ids.next_trace = trace_id(session_id)
        attributes: Attributes = {
            **_names(session_id),
            "langfuse.trace.name": "call",
            "understudy.taken_up": event.taken_up,
        }
        root = self._tracer.start_span("session", kind=SpanKind.SERVER, attributes=attributes)
        self._calls[session_id] = _Call(root)
        if len(self._calls) > MAX_OPEN:
            self.forget(next(iter(self._calls)))

    def _dial(self, session_id: SessionId, call: _Call, event: LinkDialled) -> None:
        self._ids.next_span = link_span_id(session_id, event.generation)
        parts = urlsplit(event.url)
        attributes: Attributes = {
            **_names(session_id),
            "langfuse.observation.type": "agent",
            "understudy.agent": event.agent_id,
            "understudy.generation": event.generation,
            "understudy.reason": event.reason,
            "server.address": parts.hostname or "",
            "server.port": parts.port or 0,
        }
        context = set_span_in_context(call.root)
        call.links[event.generation] = self._tracer.start_span(
            f"link {event.agent_id}", context, SpanKind.CLIENT, attributes
        )

    def _swap(self, session_id: SessionId, call: _Call, receipt: Receipt) -> None:
        end_ns = time.time_ns()
        span = self._tracer.start_span(
            f"swap {receipt.reason.value}",
            set_span_in_context(call.root),
            attributes={**_names(session_id), **_of_receipt(receipt)},
            start_time=end_ns - receipt.took_ms * 1_000_000,
        )
        if receipt.outcome in {Outcome.FAILED, Outcome.RETURNED}:
            span.set_status(Status(StatusCode.ERROR, receipt.outcome.value))
        span.end(end_ns)

    def _end(self, session_id: SessionId, call: _Call, event: SessionEnded) -> None:
        del self._calls[session_id]
        root = call.root
        root.set_attribute("understudy.verdict", event.verdict.value)
        root.set_attribute("understudy.close_code", TO_CALLER[event.verdict].code)
        root.set_attribute("understudy.swaps", event.swaps)
        root.set_attribute("understudy.causes", list(event.causes))
        root.set_attribute("understudy.gaps_ms", list(event.gaps_ms))
        for direction, delays in (event.counters.delays if event.counters is not None else {}).items():
            if isinstance(p99 := delays.describe().get("p99_ms"), float):
                root.set_attribute(f"understudy.added.{direction}.p99_ms", p99)
        if event.verdict not in _GOOD:
            root.set_status(Status(StatusCode.ERROR, event.verdict.value))
        _close(call)


def _names(session_id: SessionId) -> dict[str, str]:
    name = session_id.encode("ascii", "ignore").decode()[:MAX_SESSION_ID]
    return {"session.id": name, "langfuse.session.id": name}


def _of_receipt(receipt: Receipt) -> dict[str, str | int | list[str]]:
    return {
        "understudy.reason": receipt.reason.value,
        "understudy.outcome": receipt.outcome.value,
        "understudy.from": receipt.source,
        "understudy.to": receipt.target,
        "understudy.attempts": receipt.attempts,
        "understudy.ms_without_agent": receipt.ms_without_agent,
        "understudy.replayed_texts": receipt.replayed.texts,
        "understudy.replayed_frames": receipt.replayed.audio_frames,
        "understudy.dropped_frames": receipt.replayed.dropped_frames,
        "understudy.memory_keys": list(receipt.memory_keys),
    }


def _lose(call: _Call, event: LinkLost) -> None:
    facts = {"agent": event.agent_id, "cause": event.cause, "detail": mask(event.detail)}
    call.root.add_event("link lost", {**facts, "generation": event.generation})
    span = call.links.get(event.generation)
    if span is not None:
        span.set_status(Status(StatusCode.ERROR, event.cause))
        span.add_event("lost", facts)


def _say(call: _Call, role: str, words: str) -> None:
    """Keep the caller's first words and the last answer: a trace's input and output, and each link's."""
    kind = "input" if role == "user" else "output"
    if kind == "output" or kind not in call.words:
        call.words[kind] = words
    for span in list(call.links.values())[-1:]:
        span.set_attribute(f"langfuse.observation.{kind}", words)


def _close(call: _Call) -> None:
    for kind, words in call.words.items():
        call.root.set_attribute(f"langfuse.trace.{kind}", words)
    for span in call.links.values():
        span.end()
    call.root.end()


def langfuse(host: str, public_key: str, secret_key: str) -> SpanExporter:
    """Export to Langfuse's OTLP endpoint."""
    credentials = base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()
    headers = {"authorization": f"Basic {credentials}"}
    with _without(OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_TRACES_HEADERS):
        return OTLPSpanExporter(f"{host.rstrip('/')}/api/public/otel/v1/traces", headers=headers, timeout=EXPORT_S)


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Keep the exporter from reading what is for another receiver, which may be a secret of it."""
    taken = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(taken)


def otlp(endpoint: str) -> SpanExporter:
    """Export to a base address; ``OTEL_EXPORTER_OTLP_HEADERS`` go along."""
    return OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_S)
