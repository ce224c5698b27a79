"""Who may come back into which call: signed tokens, and the calls that this process has.

A token is ``<session id>.<claim>.<counted from>.<expiry>.<signature>``: the claim counts how often the call was taken
up, the second number says with which of them the count of texts began that the caller knows, the expiry is in Unix
seconds, the signature is HMAC-SHA256 (RFC 2104) over the rest. Gateways that share the secret and the
store take up each other's calls.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from actors.ids import SessionId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.relay import CallerRelay, Ended

MAX_TOKEN: Final = 256
MAX_ENDED: Final = 1000  # calls; whoever lost his session is back within seconds
_SHAPE: Final = re.compile(r"([A-Za-z0-9-]{1,64})\.(\d{1,9})\.(\d{1,9})\.(\d{1,12})\.([A-Za-z0-9_-]{43})")


class Claim(Struct, frozen=True, gc=False):
    """What a valid token says."""

    session_id: SessionId
    number: int
    counted_from: int
    expires: int
    """Unix seconds."""


class ResumeTokens:
    """Signs and reads tokens that are valid for ``ttl_s``."""

    def __init__(self, secret: bytes, ttl_s: float, wall: Callable[[], float]) -> None:
        self._secret = secret
        self._ttl_s = ttl_s
        self._wall = wall

    def issue(self, session_id: SessionId, number: int, counted_from: int = 0) -> str:
        """Sign a token."""
        body = f"{session_id}.{number}.{counted_from}.{int(self._wall() + self._ttl_s)}"
        return f"{body}.{self._sign(body)}"

    def read(self, token: str) -> Claim | None:
        """Read a token; None where it is not ours, was changed, or has expired."""
        claim = self.read_expired(token)
        return claim if claim is not None and claim.expires > self._wall() else None

    def read_expired(self, token: str) -> Claim | None:
        """Read a token that may have expired; None where it is not ours or was changed."""
        match = _SHAPE.fullmatch(token) if len(token) <= MAX_TOKEN else None
        if match is None:
            return None
        session_id, number, counted_from, expiry, signature = match.groups()
        if not hmac.compare_digest(signature, self._sign(f"{session_id}.{number}.{counted_from}.{expiry}")):
            return None
        return Claim(SessionId(session_id), int(number), int(counted_from), int(expiry))

    def _sign(self, body: str) -> str:
        digest = hmac.new(self._secret, body.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Live:
    """The call is here; ``claim`` is the one that the caller knows."""

    relay: CallerRelay
    claim: int


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The call is not here; the store may know it."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Taken:
    """The token was used, and the caller who used it is connected."""


@dataclass(frozen=True, slots=True)
class Void:
    """The token says nothing: begin a new call."""


Finding = Live | Elsewhere | Taken | Void


class LiveCalls:
    """The calls of this process, from the opening of the first socket until the session has ended."""

    def __init__(self, tokens: ResumeTokens) -> None:
        self.tokens = tokens
        self._relays: dict[SessionId, CallerRelay] = {}
        self._ended: OrderedDict[SessionId, Ended] = OrderedDict()
        self.on_gone: Callable[[CallerRelay], None] = lambda relay: None  # noqa: ARG005

    def __iter__(self) -> Iterator[CallerRelay]:
        return iter(tuple(self._relays.values()))

    def __len__(self) -> int:
        return len(self._relays)

    def get(self, session_id: SessionId) -> CallerRelay | None:
        """The relay of a call that is here."""
        return self._relays.get(session_id)

    def ids(self) -> list[SessionId]:
        """Every call that is here."""
        return list(self._relays)

    def add(self, relay: CallerRelay) -> None:
        """A session begins; its relay says when it has ended."""
        self._relays[relay.session_id] = relay
        relay.on_release = self._forget

    def find(self, token: str) -> Finding:
        """Judge a token.

        An old token is good again while nobody is connected: the answer to the newer claim may have been lost. For a
        call that is here no token expires: it may last longer, and the wall clock may be set.
        """
        claim = self.tokens.read_expired(token)
        relay = None if claim is None else self._relays.get(claim.session_id)
        if claim is None or relay is None:
            valid = self.tokens.read(token)
            return Void() if valid is None else Elsewhere(valid)
        return Taken() if relay.claim != claim.number and relay.is_connected else Live(relay, claim.number)

    def ended(self, session_id: SessionId) -> Ended | None:
        """What is known of a call that ended here not long ago."""
        return self._ended.get(session_id)

    def _forget(self, relay: CallerRelay) -> None:
        if self._relays.get(relay.session_id) is relay:
            del self._relays[relay.session_id]
            if (ended := relay.ended()) is not None:
                self._ended[relay.session_id] = ended
            if len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)
            self.on_gone(relay)
