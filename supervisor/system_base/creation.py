"""Making an actor's instance from what `createActor` was given."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from thespian.actors import InvalidActorSpecification, NoCompatibleSystemForActor
from thespian.system.utilis import actualActorClass

if TYPE_CHECKING:
    from collections.abc import Mapping


def instantiate(
    specification: object, capabilities: dict[str, object], requirements: Mapping[str, object] | None
) -> Any:
    """Make one instance of a class or dotted name.

    Raises `InvalidActorSpecification` for a bare name or something that is no class, `ImportError` for a module that
    is not there, `NoCompatibleSystemForActor` when the actor's own check refuses this system, and whatever the
    constructor raises.
    """
    actor_class = specification if isinstance(specification, type) else actualActorClass(specification)
    if not isinstance(actor_class, type):
        raise InvalidActorSpecification(specification, "not a class")
    needs = _needs(actor_class)
    if needs.check is not None and not _accepts(needs.check, capabilities, requirements):
        raise NoCompatibleSystemForActor(actor_class, "No compatible ActorSystem could be found")
    if needs.parameters:
        offered = {"capabilities": capabilities, "requirements": requirements}
        instance = actor_class(**{name: offered[name] for name in needs.parameters})
    else:
        instance = actor_class()
    if needs.stash:
        # @initializing_messages keeps one stash on the class; in one process each instance needs its own, or one
        # actor would answer what another was told.
        instance._post_init_pending = []  # noqa: SLF001 - Thespian's attribute
    return instance


class _Needs(Struct, frozen=True):
    """What has to be done to make one of a class."""

    check: Any
    parameters: tuple[str, ...]
    stash: bool


@lru_cache(maxsize=1024)
def _needs(actor_class: type) -> _Needs:
    return _Needs(
        getattr(actor_class, "actorSystemCapabilityCheck", None),
        _wanted(actor_class),
        hasattr(actor_class, "_post_init_pending"),
    )


def _accepts(check: Any, capabilities: dict[str, object], requirements: Mapping[str, object] | None) -> bool:
    try:
        return bool(check(capabilities, requirements or {}))
    except Exception:  # noqa: BLE001 - Thespian: a check that fails is a system that does not fit
        return False


def _wanted(actor_class: type) -> tuple[str, ...]:
    """Name the constructor's parameters that a system fills."""
    try:
        parameters = inspect.signature(actor_class).parameters
    except (TypeError, ValueError):
        return ()
    return tuple(name for name in ("capabilities", "requirements") if name in parameters)
