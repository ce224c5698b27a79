"""Speech to text with pocketsphinx, whose wheel carries the acoustic model; a grammar says what may be said."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from importlib import resources
from typing import Any

from agents.speech.endpoint import RATE, Endpointer, Segment
from agents.speech.errors import SpeechUnavailable
from agents.speech.resample import resample

GRAMMARS = ("open", "digits", "yes_no", "answers")
MAX_QUEUED = 16
"""Utterances waiting in this process; one more is answered with '' at once, as if it had not been understood."""
SLICE_BYTES = 6_400
"""200 ms. A call keeps the interpreter's lock; between slices the event loop gets its turn."""
MIN_SCORE = -66.0
"""Log score per 10 ms frame, relative to the best sound of the frame; measured: sentences of the grammars -35 to -61,
other sentences forced into them -61 to -97."""
_SETTINGS = {
    "lm": None,
    "loglevel": "FATAL",
    "compallsen": True,  # scores are comparable only if each frame's best sound is among those computed
    "bestpath": False,  # the lattice costs seconds with a loop of digits, and ends where the grammar does not
    "wip": 0.05,  # fewer short words ("eight") between the spoken ones
}
_ANY_WORD = "#JSGF V1.0;\ngrammar any;\npublic <any> = yes;\n"


class Decoder:
    """One decoder with all grammars. Not thread-safe: it belongs to the one worker thread."""

    def __init__(self) -> None:
        try:
            import pocketsphinx  # noqa: PLC0415 - an extra, and only an ear needs it
        except ImportError as missing:
            raise SpeechUnavailable("pocketsphinx is missing") from missing
        self._search: Any = pocketsphinx.Decoder(**_SETTINGS)
        folder = resources.files("agents.speech") / "grammars"
        for name in GRAMMARS:
            self._search.add_jsgf_string(name, (folder / f"{name}.gram").read_text())
        # Its search is next to nothing: it only measures the cepstral mean of the whole utterance.
        self._mean: Any = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
        self._mean.add_jsgf_string("any", _ANY_WORD)
        self._mean.activate_search("any")

    def recognise(self, pcm: bytes, grammar: str) -> tuple[str, float]:
        """Give the words and their score per frame; ('', -inf) where the grammar does not fit at all."""
        self._mean.start_utt()
        self._mean.process_raw(pcm, no_search=False, full_utt=True)
        self._mean.end_utt()
        search = self._search
        search.activate_search(grammar)
        search.set_cmn(self._mean.get_cmn(False))  # noqa: FBT003 - its only parameter, positional
        search.start_utt()
        for at in range(0, len(pcm), SLICE_BYTES):
            search.process_raw(pcm[at : at + SLICE_BYTES], no_search=False, full_utt=False)
        search.end_utt()
        best = search.hyp()
        if best is None or not best.hypstr or not best.best_score:
            return "", float("-inf")
        return best.hypstr, search.get_logmath().log(best.best_score) / max(1, search.n_frames())


class Recogniser:
    """One worker thread and its decoder, for all calls of the process."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="ear")
        self._decoder = self._worker.submit(Decoder)

    def __repr__(self) -> str:
        return f"<Recogniser, {self._worker._work_queue.qsize()} waiting>"  # noqa: SLF001 - there is no public way

    def submit(self, pcm: bytes, grammar: str) -> Future[str]:
        """Queue an utterance. The result is '' for what fits neither the grammar nor the open one."""
        if self._worker._work_queue.qsize() >= MAX_QUEUED:  # noqa: SLF001 - there is no public way
            busy: Future[str] = Future()
            busy.set_result("")
            return busy
        return self._worker.submit(self._best, pcm, grammar)

    def _best(self, pcm: bytes, grammar: str) -> str:
        decoder = self._decoder.result()
        for name in dict.fromkeys((grammar, "open") if grammar != "answers" else (grammar,)):
            text, score = decoder.recognise(pcm, name)
            if score >= MIN_SCORE:
                return text
        return ""


@lru_cache(maxsize=1)
def shared_recogniser() -> Recogniser:
    """Give the one recogniser of this process."""
    return Recogniser()


ANSWER_PAUSE_MS = 160
"""Agents play sentence after sentence: a shorter pause ends one than ends a caller's utterance."""


def recognise_answers(pcm: bytes, rate: int) -> list[str]:
    """Recognise what agents said in a recording, sentence by sentence; blocks. Only amounts are understood."""
    endpointer = Endpointer(hangover_ms=ANSWER_PAUSE_MS)
    found = endpointer.feed(resample(pcm, rate, RATE)) + endpointer.end()
    texts = [shared_recogniser().submit(it.pcm, "answers").result() for it in found if isinstance(it, Segment)]
    return [text for text in texts if text]
