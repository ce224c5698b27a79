"""Where speech begins and ends in a stream of PCM16 16 kHz, by energy over an adaptive noise floor. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from agents.speech.errors import SpeechUnavailable

try:
    import numpy as np
except ImportError as missing:
    raise SpeechUnavailable("numpy is missing") from missing

RATE = 16_000
FRAME_MS = 20
FRAME_BYTES = RATE * 2 * FRAME_MS // 1_000
ONSET_FRAMES = 4  # 80 ms within the window below: longer than a click, shorter than "no"
ONSET_WINDOW = 6
HANGOVER_MS = 600  # longer than the pause between two groups of digits
MAX_FRAMES = 15_000 // FRAME_MS
PRE_ROLL_FRAMES = 300 // FRAME_MS  # a weak consonant before the first loud vowel
TAIL_FRAMES = 300 // FRAME_MS  # silence kept after the last voiced frame; the recogniser wants some
# Faint noise, for digital silence is like nothing that the acoustic model was trained on.
QUIET_FRAME: bytes = np.random.default_rng(1).normal(0, 20, FRAME_BYTES // 2).astype("<i2").tobytes()
FLOOR_FRAMES = 2_000 // FRAME_MS  # whatever never pauses for so long is noise, not speech
FLOOR_START = 60.0
SPEECH_OVER_FLOOR = 3.0  # about 10 dB
QUIETEST_SPEECH = 180.0  # RMS of a full scale of 32,768: -45 dB


class Onset(Enum):
    """Speech has begun."""

    ONSET = auto()


@dataclass(frozen=True, slots=True)
class Segment:
    """One utterance as PCM16 16 kHz, with a little silence around it."""

    pcm: bytes


Found = Onset | Segment


class Endpointer:
    """Cuts a stream into utterances. Holds at most `MAX_FRAMES` of one; a longer one is cut there."""

    def __init__(self, hangover_ms: int = HANGOVER_MS) -> None:
        self._hangover = hangover_ms // FRAME_MS
        self._rest = b""
        self._levels: deque[float] = deque([FLOOR_START], maxlen=FLOOR_FRAMES)
        self._before: deque[tuple[bytes, bool]] = deque(maxlen=PRE_ROLL_FRAMES)
        self._speech: list[bytes] = []  # empty means: nobody speaks
        self._silent = 0

    @property
    def in_speech(self) -> bool:
        """An utterance has begun and not ended."""
        return bool(self._speech)

    def feed(self, pcm: bytes) -> list[Found]:
        """Take audio in pieces of any length and tell what was found in it, in order."""
        audio = self._rest + pcm
        end = len(audio) - len(audio) % FRAME_BYTES
        self._rest = audio[end:]
        return [found for at in range(0, end, FRAME_BYTES) for found in self._frame(audio[at : at + FRAME_BYTES])]

    def end(self) -> list[Found]:
        """End the utterance now, if there is one."""
        self._rest = b""
        return [self._cut()] if self._speech else []

    def _frame(self, frame: bytes) -> list[Found]:
        samples = np.frombuffer(frame, "<i2").astype(np.float32)
        level = float(np.sqrt(np.mean(samples * samples)))
        voiced = level > max(QUIETEST_SPEECH, SPEECH_OVER_FLOOR * min(self._levels))
        self._levels.append(level)
        return self._during(frame, voiced=voiced) if self._speech else self._waiting(frame, voiced=voiced)

    def _waiting(self, frame: bytes, *, voiced: bool) -> list[Found]:
        self._before.append((frame, voiced))
        recent = list(self._before)[-ONSET_WINDOW:]
        if sum(was for _, was in recent) < ONSET_FRAMES:
            return []
        missing = PRE_ROLL_FRAMES - len(self._before)  # a microphone switched on at the first word
        self._speech = [QUIET_FRAME] * missing + [kept for kept, _ in self._before]
        self._before.clear()
        self._silent = 0
        return [Onset.ONSET]

    def _during(self, frame: bytes, *, voiced: bool) -> list[Found]:
        self._speech.append(frame)
        self._silent = 0 if voiced else self._silent + 1
        if self._silent >= self._hangover or len(self._speech) >= MAX_FRAMES:
            return [self._cut()]
        return []

    def _cut(self) -> Segment:
        surplus = self._silent - TAIL_FRAMES
        frames = self._speech[: len(self._speech) - surplus] if surplus > 0 else self._speech
        frames += [QUIET_FRAME] * -surplus  # a microphone switched off at the last word
        self._speech, self._silent = [], 0
        return Segment(b"".join(frames))
