"""Text to speech with espeak-ng, which the wheel of espeakng-loader carries with its voices."""

from __future__ import annotations

import asyncio
import ctypes
import re
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from agents.speech.errors import SpeechUnavailable
from agents.speech.resample import resample

RATE_OUT = 24_000
MAX_CHARACTERS = 1_000
"""Half a minute or more of speech. What is longer is cut at a word: nobody listens to the rest."""
CACHE_BYTES = 8 << 20
"""About three minutes of sentences; the least recently spoken goes first."""
PAUSE = bytes(RATE_OUT * 2 * 250 // 1_000)
"""Quiet after a sentence: agents synthesise one at a time, and without it they run into each other."""
VOICE = b"en-us+f2"  # of the variants tried, the only one that pocketsphinx recognised without a fault
WORDS_PER_MINUTE = 145

# espeak-ng's speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_PARAMETER_RATE = 1
_OK = 0
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, which keeps global state: one per process, one sentence at a time."""

    def __init__(self) -> None:
        try:
            import espeakng_loader  # noqa: PLC0415 - an extra, and only a mouth needs it
        except ImportError as missing:
            raise SpeechUnavailable("espeakng-loader is missing") from missing
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._callback = _Callback(self._take)  # held here: the library keeps only its address
        try:
            self._lib: Any = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (OSError, RuntimeError) as broken:
            raise SpeechUnavailable(f"espeak-ng cannot be loaded: {broken}") from broken
        self.rate: int = self._lib.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data.encode(), _DONT_EXIT)
        if self.rate <= 0 or self._lib.espeak_SetVoiceByName(VOICE) != _OK:
            raise SpeechUnavailable("espeak-ng does not find its voices")
        self._lib.espeak_SetSynthCallback(self._callback)
        self._lib.espeak_SetParameter(_PARAMETER_RATE, WORDS_PER_MINUTE, 0)

    def speak(self, text: str) -> bytes:
        """Synthesise PCM16 at `rate`; blocks for some milliseconds per second of speech."""
        raw = text.encode()
        with self._lock:
            self._pcm.clear()
            size = ctypes.c_size_t(len(raw) + 1)
            code = self._lib.espeak_Synth(raw, size, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
            if code != _OK:
                raise RuntimeError(f"espeak-ng refused a text of {len(raw)} bytes with code {code}")
            return bytes(self._pcm)

    def _take(self, samples: Any, count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, count * 2)
        return 0


class EspeakMouth:
    """Speaks sentences off the event loop; sentences spoken before come from a cache."""

    def __init__(self, espeak: Espeak | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        self._espeak = espeak or _espeak()
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._room = cache_bytes

    def __repr__(self) -> str:
        return f"<EspeakMouth, {len(self._cache)} sentences cached, room for {self._room} bytes>"

    async def synthesise(self, text: str) -> bytes:
        """Speak a text as PCM16 LE 24 kHz mono; nothing for a text without a letter or digit."""
        text = speakable(text)
        if not re.search(r"\w", text):
            return b""
        if text in self._cache:
            self._cache.move_to_end(text)
            return self._cache[text]
        pcm = await asyncio.get_running_loop().run_in_executor(_voice_thread(), self._speak, text)
        self._keep(text, pcm)
        return pcm

    def _speak(self, text: str) -> bytes:
        pcm = resample(self._espeak.speak(text), self._espeak.rate, RATE_OUT)
        return pcm + PAUSE if text[-1] in ".!?" else pcm

    def _keep(self, text: str, pcm: bytes) -> None:
        if text in self._cache or len(pcm) > self._room + sum(map(len, self._cache.values())):
            return
        self._cache[text] = pcm
        self._room -= len(pcm)
        while self._room < 0:
            _, old = self._cache.popitem(last=False)
            self._room += len(old)


def speakable(text: str) -> str:
    """Make one bounded line without control characters; cut at a word."""
    line = " ".join(re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", " ", text[: MAX_CHARACTERS * 2]).split())
    return line if len(line) <= MAX_CHARACTERS else line[:MAX_CHARACTERS].rsplit(" ", 1)[0]


@lru_cache(maxsize=1)
def _espeak() -> Espeak:
    return Espeak()


@lru_cache(maxsize=1)
def _voice_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="mouth")


@lru_cache(maxsize=1)
def shared_mouth() -> EspeakMouth:
    """Give the one mouth of this process: its cache serves every call."""
    return EspeakMouth()
