"""Takes spans away from the loop: a bounded queue, a thread that sends, a count of what was dropped."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from loguru import logger
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SpanExportResult

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

MAX_WAITING: Final = 4096  # some seconds of a busy gateway, and a few megabytes
BATCH: Final = 256
EVERY_S: Final = 1.0


class SpanQueue(SpanProcessor):
    """Sends from its own thread. Full: the newest span is dropped, and counted; nothing ever waits for it."""

    def __init__(self, exporter: SpanExporter, name: str, max_waiting: int = MAX_WAITING) -> None:
        self.name = name
        self.exported = 0
        self.dropped = 0
        self._exporter = exporter
        self._max_waiting = max_waiting
        self._waiting: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"spans to {name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Spans that have not been sent."""
        return len(self._waiting)

    def on_end(self, span: ReadableSpan) -> None:
        """Take one span; never waits."""
        if self._stopping.is_set() or len(self._waiting) >= self._max_waiting:
            self.dropped += 1
            return
        self._waiting.append(span)
        if len(self._waiting) >= BATCH:
            self._wake.set()

    def stop(self, deadline_s: float) -> None:
        """Send what waits, within the deadline; what is left then is dropped, and counted. Blocks."""
        until = time.monotonic() + deadline_s
        self._stopping.set()
        self._wake.set()
        self._thread.join(max(0.0, until - time.monotonic()))
        self._exporter.shutdown()  # ends a wait between two attempts
        self._thread.join(0.5)
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(EVERY_S)
            self._wake.clear()
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                sent = self._exporter.export(batch) is SpanExportResult.SUCCESS
            except Exception as error:  # noqa: BLE001 - whatever the exporter does, the next batch is tried
                logger.warning("spans could not be sent to {}: {}", self.name, type(error).__name__)
                sent = False
            if sent:
                self.exported += len(batch)
            else:
                self.dropped += len(batch)
