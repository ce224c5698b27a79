"""Offline speech: ears on pocketsphinx, a mouth on espeak-ng. Both come with the extra ``understudy[voice]``."""

from __future__ import annotations

from agents.speech.ear import Heard, SphinxEar
from agents.speech.errors import SpeechUnavailable
from agents.speech.mouth import EspeakMouth, shared_mouth

__all__ = ["EspeakMouth", "Heard", "SpeechUnavailable", "SphinxEar", "new_ear", "new_mouth"]


def new_ear() -> SphinxEar:
    """Make one caller's ear; needs a running loop."""
    return SphinxEar()


def new_mouth() -> EspeakMouth:
    """Give a mouth. It is shared by all calls of the process, for the sake of its cache."""
    return shared_mouth()
