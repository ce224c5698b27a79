"""What a wakeup may carry so that it can be called off: shared by who asks for it and the system that delivers it."""

from __future__ import annotations

from msgspec import Struct


class Voidable(Struct, kw_only=True, gc=False):
    """``void``: nobody waits for it any more."""

    void: bool = False
