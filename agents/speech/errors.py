"""Why there is no speech."""

from __future__ import annotations


class SpeechUnavailable(ImportError):  # noqa: N818 - a state of the installation, said in words to a person
    """Speech needs packages that are not installed, or that do not work here."""

    def __init__(self, why: str) -> None:
        super().__init__(f"speech is not available ({why}): pip install 'understudy[voice]'")
