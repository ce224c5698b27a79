"""The decision after a child's exit: a table and nothing else.

| restart type | normal | shutdown | abnormal |
|---|---|---|---|
| permanent | restart | restart | restart |
| transient | stop | stop | restart |
| temporary | forget | forget | forget |

A restart that the budget does not allow becomes an escalation. (OTP, "Supervision Principles".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from msgspec import Struct

from supervisor.directives import Directive, Escalate, Forget, Restart, Stop
from supervisor.reasons import ExitReason, is_abnormal
from supervisor.spec import ChildSpec, RestartType, Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence


class Decision(Struct, frozen=True):
    """The directive for the failed child, and what it means for the others.

    ``stop``: siblings to stop, in that order (reverse start order). ``start``: ids to start afterwards, in start order,
    the failed child among them. Both are empty unless the directive is `Restart`.
    """

    directive: Directive
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()


def wants_restart(restart: RestartType, reason: ExitReason) -> bool:
    """The table's restart column, before the budget is asked."""
    match restart:
        case RestartType.PERMANENT:
            return True
        case RestartType.TRANSIENT:
            return is_abnormal(reason)
        case RestartType.TEMPORARY:
            return False
    assert_never(restart)


def touched_siblings(strategy: Strategy, order: Sequence[str], failed: str) -> tuple[str, ...]:
    """The siblings that a restart of ``failed`` stops, in start order."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return ()
        case Strategy.ONE_FOR_ALL:
            return tuple(child for child in order if child != failed)
        case Strategy.REST_FOR_ONE:
            return tuple(order[order.index(failed) + 1 :])
    assert_never(strategy)


def decide_one(spec: ChildSpec, reason: ExitReason, *, remaining: int, attempt: int, u: float) -> Directive:
    """The directive for one child alone; ``remaining`` is what its budget allows now."""
    if wants_restart(spec.restart, reason):
        return Restart(spec.backoff.delay(attempt, u)) if remaining > 0 else Escalate()
    return Forget() if spec.restart is RestartType.TEMPORARY else Stop()


def decide(
    strategy: Strategy,
    children: Sequence[ChildSpec],
    failed: str,
    reason: ExitReason,
    *,
    remaining: int,
    attempt: int,
    u: float,
) -> Decision:
    """Decide for ``failed`` among ``children`` (start order). A touched temporary sibling is stopped for good."""
    by_id = {spec.id: spec for spec in children}
    directive = decide_one(by_id[failed], reason, remaining=remaining, attempt=attempt, u=u)
    if not isinstance(directive, Restart):
        return Decision(directive)
    touched = touched_siblings(strategy, list(by_id), failed)
    start = tuple(
        spec.id
        for spec in children
        if spec.id == failed or (spec.id in touched and spec.restart is not RestartType.TEMPORARY)
    )
    return Decision(directive, stop=touched[::-1], start=start)
