"""A Thespian system base on the asyncio loop: thousands of actors in one process, beside the sockets they serve."""

from supervisor.system_base.base import AsyncioSystemBase, actor_system
from supervisor.system_base.by_name import register
from supervisor.system_base.engine import Engine
from supervisor.system_base.errors import OutOfScopeError, WouldDeadlockError
from supervisor.system_base.notices import CreationFailed, DeadLetter, MessageFailed, Notice, SlowTurn

__all__ = [
    "AsyncioSystemBase",
    "CreationFailed",
    "DeadLetter",
    "Engine",
    "MessageFailed",
    "Notice",
    "OutOfScopeError",
    "SlowTurn",
    "WouldDeadlockError",
    "actor_system",
    "register",
]
