"""What a test caller says and hears: WAV files in, WAV file out, expected words and amounts."""

from __future__ import annotations

import re
import wave
from array import array
from typing import TYPE_CHECKING

from agents.engine.numbers import amount_of, money

if TYPE_CHECKING:
    from pathlib import Path

MIC_RATE = 16_000
EAR_RATE = 24_000
MAX_WAV_S = 120  # a question, not a lecture; also bounds what a wrong file can cost


class BadRecording(ValueError):  # noqa: N818 - its message is for a person
    """A file that cannot be streamed, and why."""


def read_wav(path: Path) -> bytes:
    """Read a PCM WAV of any usual rate, width and channel count as PCM16 16 kHz mono. Raises BadRecording."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            if file.getnframes() > MAX_WAV_S * rate:
                raise BadRecording(f"{path}: longer than {MAX_WAV_S} seconds")
            raw = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise BadRecording(f"{path}: there is no such file") from None
    except (OSError, EOFError, wave.Error) as wrong:
        raise BadRecording(f"{path}: not a PCM WAV file ({wrong})") from wrong
    if not raw or width not in {1, 2, 3, 4} or not 4_000 <= rate <= 192_000 or not 1 <= channels <= 8:
        raise BadRecording(f"{path}: {channels} channels of {8 * width} bit at {rate} Hz cannot be streamed")
    return _at_mic_rate(_mono(_to_16_bit(raw, width), channels).tobytes(), rate)


def _to_16_bit(raw: bytes, width: int) -> array[int]:
    if width == 1:  # the one unsigned width of WAV
        return array("h", ((byte - 128) << 8 for byte in raw))
    whole = raw[: len(raw) - len(raw) % width]
    if width == 2:
        return array("h", whole)
    return array("h", b"".join(whole[at + width - 2 : at + width] for at in range(0, len(whole), width)))


def _mono(samples: array[int], channels: int) -> array[int]:
    if channels == 1:
        return samples
    frames = len(samples) // channels
    return array("h", (sum(samples[at * channels : (at + 1) * channels]) // channels for at in range(frames)))


def _at_mic_rate(pcm: bytes, rate: int) -> bytes:
    if rate == MIC_RATE:
        return pcm
    from agents.speech.resample import resample  # noqa: PLC0415 - numpy is an extra; most recordings need none

    return resample(pcm, rate, MIC_RATE)


def write_wav(path: Path, pcm: bytes) -> None:
    """Write PCM16 24 kHz mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(EAR_RATE)
        file.writeframes(pcm)


def says(text: str, expected: str) -> bool:
    """Tell whether a text holds the expected words; case, pound signs and commas in figures do not matter."""
    forms = {_plain(expected)}
    amount = amount_of(expected)
    if amount is not None and "pound" in expected.lower():
        forms.add(_plain(money(amount)))
    plain = _plain(text)
    return any(re.search(rf"(?<!\d){re.escape(form)}(?!\d)", plain) for form in forms if form)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"(?<=\d),(?=\d)", "", text.replace("£", "").lower()).split())


def is_audible(heard: list[str], expected: str) -> bool:
    """Tell whether recognised speech says what was expected; an amount in figures is heard as words."""
    amount = amount_of(expected)
    return any(says(text, expected) or (amount is not None and amount_of(text) == amount) for text in heard)
