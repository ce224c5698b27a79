"""Change the sampling rate of PCM16 mono audio by a polyphase windowed-sinc filter."""

from __future__ import annotations

from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Any

from agents.speech.errors import SpeechUnavailable

try:
    import numpy as np
except ImportError as missing:
    raise SpeechUnavailable("numpy is missing") from missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_TAPS = 16
"""Zero crossings on each side: about 60 dB of stop band with the window below, more than 16 kHz speech needs."""
KAISER_BETA = 7.0
BLOCK = 8_192
"""Output samples per step: bounds the working memory to a few megabytes, whatever the length."""


def resample(pcm: bytes, rate_in: int, rate_out: int) -> bytes:
    """Convert PCM16 LE mono; a trailing odd byte is dropped. The length is ``ceil(n * out / in)`` samples."""
    if rate_in <= 0 or rate_out <= 0:
        raise ValueError(f"sampling rates must be positive, not {rate_in} and {rate_out}")
    pcm = pcm[: len(pcm) & ~1]
    if rate_in == rate_out or not pcm:
        return pcm
    divisor = gcd(rate_in, rate_out)
    up, down = rate_out // divisor, rate_in // divisor
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return _filter(samples, up, down).clip(-32_768, 32_767).round().astype("<i2").tobytes()


def _filter(samples: NDArray[Any], up: int, down: int) -> NDArray[Any]:
    phases = _phases(up, down)
    width = phases.shape[1]
    padded = np.pad(samples, (width // 2 - 1, width // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    length = -(-len(samples) * up // down)
    out = np.empty(length, np.float32)
    for at in range(0, length, BLOCK):
        place = np.arange(at, min(at + BLOCK, length), dtype=np.int64) * down
        out[at : at + BLOCK] = np.einsum("ij,ij->i", windows[place // up], phases[place % up])
    return out


@lru_cache(maxsize=8)  # a program meets a handful of rates
def _phases(up: int, down: int) -> NDArray[Any]:
    """Build one filter per phase; the cut-off is the lower of the two Nyquist rates, less the roll-off."""
    cutoff = min(1.0, up / down) * 0.95
    half = int(np.ceil(HALF_TAPS / cutoff))
    offsets = np.arange(-half + 1, half + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (offsets / half) ** 2, 0, None))) / np.i0(KAISER_BETA)
    taps = cutoff * np.sinc(cutoff * offsets) * window
    phases: NDArray[Any] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return phases
