"""Who may open a call: decided on the request head, before the upgrade, and never after."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from actors.token_bucket import TokenBucket
from gateway.front_door import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.caller_tokens import CallerTokens
    from gateway.front_door import RequestHead


@dataclass(frozen=True, slots=True)
class Bounds:
    """What admission is bounded by; 0 and an empty tuple bound nothing."""

    connect_rate: float = 0.0
    connect_burst: float = 0.0
    per_address: int = 0
    origins: tuple[str, ...] = ()


class Admission:
    """Asks its checks in order, then its own bounds. ``checks``: by name, a function that says why not.

    ``is_back`` tells who comes back to a call that is here: he has his place already, so neither checks nor bounds
    keep him from it.
    """

    def __init__(
        self,
        bounds: Bounds,
        checks: dict[str, Callable[[], str]],
        now: Callable[[], float],
        on_refusal: Callable[[str], None],
        tokens: CallerTokens | None = None,
        is_back: Callable[[RequestHead], bool] = lambda head: False,  # noqa: ARG005
    ) -> None:
        self._tokens = tokens
        self._is_back = is_back
        self._bounds = bounds
        self._checks = checks
        self._now = now
        self._on_refusal = on_refusal
        self._bucket = TokenBucket(bounds.connect_rate, max(1.0, bounds.connect_burst or bounds.connect_rate))
        self._open: Counter[str] = Counter()

    def judge(self, head: RequestHead) -> Refusal | None:
        """None lets the caller in; every refusal is counted by its name."""
        name, refusal = self._judge(head)
        if refusal is not None:
            self._on_refusal(name)
        return refusal

    def came(self, address: str) -> None:
        """A caller's socket has opened."""
        self._open[address] += 1

    def went(self, address: str) -> None:
        """A caller's socket has ended."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def _judge(self, head: RequestHead) -> tuple[str, Refusal | None]:
        for name, check in self._checks.items():
            if (why := check()) and not self._is_back(head):
                return name, Refusal(f"{why}; try again")
        bounds, origin = self._bounds, head.headers.get("origin", "")
        if bounds.origins and origin and origin not in bounds.origins:
            return "origin", Refusal("pages of this origin may not call", HTTPStatus.FORBIDDEN, None)
        if self._tokens is not None and (why := self._tokens.why_not(head)):
            return "token", Refusal(why, HTTPStatus.UNAUTHORIZED, None)
        if not (bounds.per_address or bounds.connect_rate) or self._is_back(head):
            return "", None
        if bounds.per_address and self._open[head.remote] >= bounds.per_address:
            return "address", Refusal("too many calls from this address", HTTPStatus.TOO_MANY_REQUESTS)
        if wait_s := self._bucket.take(self._now()):
            return "rate", Refusal("too many calls at once", HTTPStatus.TOO_MANY_REQUESTS, math.ceil(wait_s))
        return "", None
