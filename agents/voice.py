"""The seam between a call and speech: what an ear and a mouth must do, and playing in real time with interruption."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

SAMPLE_RATE_OUT = 24_000
FRAME_BYTES = 3_840  # 80 ms of PCM16 mono, the size that existing agents send
FRAME_S = FRAME_BYTES / 2 / SAMPLE_RATE_OUT
LEAD_S = 0.2
"""Audio sent ahead of real time: covers a late timer, and is short enough to interrupt."""


class HeardSpeech(Protocol):
    """What an ear reports: ``started`` marks the onset of speech, ``final`` the end of an utterance."""

    @property
    def text(self) -> str:
        """The words so far."""

    @property
    def final(self) -> bool:
        """The utterance has ended."""

    @property
    def started(self) -> bool:
        """Speech has just begun."""


class Ear(Protocol):
    """Turns PCM16 16 kHz mono into utterances, off the event loop."""

    def feed(self, pcm16k: bytes, /) -> None:
        """Take audio; never blocks."""

    def end_of_speech(self) -> None:
        """End the utterance now: the caller has switched the microphone off."""

    def utterances(self) -> AsyncIterator[HeardSpeech]:
        """Report until closed."""

    def expect(self, grammar: str, /) -> None:
        """Say what kind of answer is likely: open, digits or yes_no."""

    def close(self) -> None:
        """Stop; `utterances` ends."""


class Mouth(Protocol):
    """Turns text into PCM16 24 kHz mono."""

    async def synthesise(self, text: str, /) -> bytes:
        """Speak a text."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How a session gets its own ear and mouth."""

    ear: Callable[[], Ear]
    mouth: Callable[[], Mouth]


class Player:
    """Sends audio in frames as fast as it is heard. One owner: the call's turn; anyone may `stop` it."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._heard_until = 0.0
        self._stopped = asyncio.Event()

    @property
    def is_playing(self) -> bool:
        """The caller still hears something."""
        return self._heard_until > asyncio.get_running_loop().time()

    def begin(self) -> None:
        """Allow sound again: the agent has the floor."""
        self._stopped.clear()

    async def play(self, pcm: bytes) -> bool:
        """Send audio after what is still playing; False when stopped before its end."""
        now = asyncio.get_running_loop().time
        self._heard_until = max(self._heard_until, now())
        for at in range(0, len(pcm), FRAME_BYTES):
            if await self._stopped_within(self._heard_until - LEAD_S - now()):
                return False
            self._heard_until += FRAME_S
            await self._send(pcm[at : at + FRAME_BYTES])
        return not self._stopped.is_set()

    async def wait_heard(self) -> None:
        """Wait until all that was sent has been heard, or was stopped."""
        await self._stopped_within(self._heard_until - asyncio.get_running_loop().time())

    def stop(self) -> None:
        """Send no more until `begin`, and count what was sent as unheard."""
        self._heard_until = 0.0
        self._stopped.set()

    async def _stopped_within(self, seconds: float) -> bool:
        if seconds > 0 and not self._stopped.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()
            except TimeoutError:
                return False
        return self._stopped.is_set()
