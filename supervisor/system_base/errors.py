"""What this system base refuses, and why."""

from __future__ import annotations

from thespian.actors import ActorSystemException


class WouldDeadlockError(ActorSystemException):  # type: ignore[misc]  # Thespian is untyped
    """A blocking call on the loop that would have to serve it."""

    def __init__(self, call: str) -> None:
        super().__init__(f"{call} would wait for the loop it is called on; await {call}_async instead")


class OutOfScopeError(ActorSystemException):  # type: ignore[misc]  # Thespian is untyped
    """A part of Thespian that this base leaves out."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not supported by the asyncio system base: deploy the code with the process")
