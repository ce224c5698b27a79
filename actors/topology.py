"""The tree of one process, once. Nothing else knows its shape.

    node                      one_for_one
    ├── store                 permanent
    ├── registry              permanent
    └── sessions              permanent; its children are temporary, one per caller
        └── <session id>
            └── link-<n>      one per dial

Telemetry has no actor: events go to the tracer of the gateway synchronously, and an exporter that blocks or fails is
that adapter's own business. An actor would only add a mailbox to lose them in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from actors.registry import RegistryActor
from actors.session import SessionActor, SessionArgs
from actors.store import StoreActor, StoreArgs
from supervisor.dynamic import DynamicPlan, DynamicSupervisor
from supervisor.spec import ChildKind, ChildSpec, RestartType, Strategy, SupervisorPlan
from supervisor.supervisor import Supervisor

if TYPE_CHECKING:
    from actors.ports import SessionSettings

NODE, STORE, REGISTRY, SESSIONS = "node", "store", "registry", "sessions"
REGISTRY_PATH = f"{NODE}/{REGISTRY}"
STORE_PATH = f"{NODE}/{STORE}"
SESSIONS_PATH = f"{NODE}/{SESSIONS}"

NODE_INTENSITY, NODE_PERIOD_S = 5, 30.0  # store and registry restart in milliseconds; five times is not bad luck
STOP_MARGIN_S = 2.0  # beyond a session's own closing bound, before it is killed


class NodeArgs(Struct, frozen=True):
    """What a process gives its tree; ``registry`` are the `RegistryArgs`, unread here."""

    store: StoreArgs
    registry: object
    max_sessions: int = 10_000
    drain_s: float = 10.0
    registry_actor: type = RegistryActor


def node_plan(args: NodeArgs) -> SupervisorPlan:
    """What the node supervises, in start order: who comes later needs who came before."""
    sessions = DynamicPlan(max_children=args.max_sessions, intensity=0)
    return SupervisorPlan(
        (
            ChildSpec(STORE, StoreActor, args.store),
            ChildSpec(REGISTRY, args.registry_actor, args.registry),
            ChildSpec(
                SESSIONS,
                DynamicSupervisor,
                sessions,
                kind=ChildKind.SUPERVISOR,
                shutdown_s=args.drain_s,
            ),
        ),
        strategy=Strategy.ONE_FOR_ONE,  # siblings are reached by path and waited for: no crash of one ends a call
        intensity=NODE_INTENSITY,
        period_s=NODE_PERIOD_S,
    )


def node_spec(args: NodeArgs) -> ChildSpec:
    """The root."""
    return ChildSpec(NODE, Supervisor, node_plan(args), kind=ChildKind.SUPERVISOR)


def session_spec(args: SessionArgs) -> ChildSpec:
    """One caller, for `StartChild` at ``node/sessions``: never restarted, it ends with its caller."""
    return ChildSpec(
        args.session_id,
        SessionActor,
        args,
        restart=RestartType.TEMPORARY,
        shutdown_s=_stop_s(args.settings),
        start_s=None,  # its start waits for nobody
        kind=ChildKind.SUPERVISOR,
    )


def _stop_s(settings: SessionSettings) -> float:
    return settings.close_s + STOP_MARGIN_S
