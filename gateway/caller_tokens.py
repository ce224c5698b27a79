"""Who may call, said by whoever knows the caller: a signed token (JWT, RFC 7519), looked at before the upgrade."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import jwt

if TYPE_CHECKING:
    from gateway.front_door import RequestHead

LEEWAY_S: Final = 10  # between the clocks of who signs and of who reads
ALGORITHM: Final = "HS256"
OFFERED: Final = "token."
"""A browser cannot set headers, but offer subprotocols: ours, and one that is this and the token."""


@dataclass(frozen=True, slots=True)
class CallerTokens:
    """Judges the token of a caller."""

    secret: str = field(repr=False)
    audience: str = ""
    issuer: str = ""

    def why_not(self, head: RequestHead) -> str:
        """Why the caller is not let in; empty when he is. Holds nothing of the token."""
        token = given_token(head)
        if not token:
            return "a token is needed"
        try:
            jwt.decode(
                token,
                self.secret,
                algorithms=[ALGORITHM],
                audience=self.audience or None,
                issuer=self.issuer or None,
                leeway=LEEWAY_S,
                options={"require": ["exp"]},
            )
        except jwt.ExpiredSignatureError:
            return "the token has expired"
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):  # its JSON is read before its signature
            return "the token is not valid"
        return ""


def given_token(head: RequestHead) -> str:
    """Find the token: ``Authorization: Bearer``, a subprotocol, or ``?token=``; empty where there is none."""
    scheme, _, token = head.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    for name in head.subprotocols:
        if name.startswith(OFFERED):
            return name.removeprefix(OFFERED)
    return head.query("token")
