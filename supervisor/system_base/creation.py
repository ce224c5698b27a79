"""Making an actor's instance from what `createActor` was given."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
    actor_class = actualActorClass(specification)
    if not isinstance(actor_class, type):
        raise InvalidActorSpecification(specification, "not a class")
    if not _accepts(actor_class, capabilities, requirements):
        raise NoCompatibleSystemForActor(actor_class, "No compatible ActorSystem could be found")
    offered = {"capabilities": capabilities, "requirements": requirements}
    instance = actor_class(**{name: offered[name] for name in _wanted(actor_class)})
    if hasattr(actor_class, "_post_init_pending"):
        # @initializing_messages keeps one stash on the class; in one process each instance needs its own, or one
        # actor would answer what another was told.
        instance._post_init_pending = []  # noqa: SLF001 - Thespian's attribute
    return instance


def _accepts(actor_class: Any, capabilities: dict[str, object], requirements: Mapping[str, object] | None) -> bool:
    check = getattr(actor_class, "actorSystemCapabilityCheck", None)
    if check is None:
        return True
    try:
        return bool(check(capabilities, requirements or {}))
    except Exception:  # noqa: BLE001 - Thespian: a check that fails is a system that does not fit
        return False


@lru_cache(maxsize=1024)
def _wanted(actor_class: type) -> tuple[str, ...]:
    """Name the constructor's parameters that a system fills."""
    try:
        parameters = inspect.signature(actor_class).parameters
    except (TypeError, ValueError):
        return ()
    return tuple(name for name in ("capabilities", "requirements") if name in parameters)
