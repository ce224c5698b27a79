"""What a black box says to do again, and how it says that the call went; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from gateway.blackbox import CRASHED
from gateway.close_codes import INTERNAL_ERROR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Row: TypeAlias = Mapping[str, Any]

_SERVED: Final = frozenset({"done", "fell_back"})
_HANDOVERS: Final = frozenset({"handoff", "transfer"})
_REFUSALS: Final = {"unreachable": 503, "rejected": 400}
_NOT_DONE: Final = {*_REFUSALS, "crashed"}  # whether a bug of ours is still there is the question
SILENT: Final = 0  # in place of a status: the agent takes the link, and never says that it is ready
FRAME_BYTES: Final = 640  # 20 ms of the caller's audio
MAX_SPREAD_S: Final = 0.5  # eight frames take no longer, unless he was silent before
_ALIKE: Final = {"half_open": "broken"}  # one row of the failure table; only the wait for it differs


@dataclass(frozen=True, slots=True)
class Say:
    """The caller sends a text message."""

    message: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Speak:
    """The caller sends so many bytes of silence."""

    size: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller goes."""


@dataclass(frozen=True, slots=True)
class ComeBack:
    """The caller returns with his token."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """The agent asks for a hand-off; done by a stand-in only, for real agents have a will of their own."""

    target: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Somebody moves the call from outside."""

    target: str


@dataclass(frozen=True, slots=True)
class Break:
    """The link of the n-th dial ends for a reason of the failure table.

    Not its generation: that counts wishes for which there was no instance, too, and those depend on the moment.
    """

    dial: int
    cause: str
    served: bool = True
    """The caller had been given to it; else its agent had not answered yet."""


@dataclass(frozen=True, slots=True)
class Await:
    """So many swaps had ended by now; what follows was done by a caller who was served."""

    swaps: int


Step: TypeAlias = Say | Speak | HangUp | ComeBack | HandOver | Transfer | Break | Await


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call went: swaps as (reason, outcome, agent), causes of lost links, close code; None: it was going on."""

    swaps: tuple[tuple[str, str, str], ...] = ()
    causes: tuple[str, ...] = ()
    code: int | None = None

    def differences(self, other: Ending) -> list[str]:
        """Say in what ``other`` is not the same; a call that was going on is compared up to there."""
        found = []
        if self.code is None:
            other = Ending(other.swaps[: len(self.swaps)], other.causes[: len(self.causes)])
        for name in ("swaps", "causes", "code"):
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                found.append(f"{name}: recorded {_shown(mine)}, replayed {_shown(its)}")
        return found

    @property
    def moves(self) -> tuple[str, ...]:
        """The agents that the caller was handed over to, as he could see it."""
        return tuple(agent for reason, outcome, agent in self.swaps if reason in _HANDOVERS and outcome == "done")


@dataclass(frozen=True, slots=True)
class Script:
    """Steps with their seconds, the agents by instances, the refusals of the n-th dial of an agent, and the ending.

    A refusal is an HTTP status, or `SILENT`.
    """

    steps: tuple[tuple[float, Step], ...]
    seconds: float
    agents: Mapping[str, int]
    ending: Ending
    refusals: Mapping[tuple[str, int], int] = field(default_factory=dict)
    lost: int = 0
    away_s: float = 0.0
    """The longest time that the caller was away and came back."""


def script_of(document: Mapping[str, object]) -> Script:
    """Read a black box. Raises ``ValueError`` where it is not one."""
    try:
        rows = cast("list[Row]", document["events"])
        frames = cast("list[tuple[float, int, int]]", document["frames"])
        steps: list[tuple[float, Step]] = list(_speech(frames))
        dials = _dials(rows)
        steps += [(float(row["t"]), step) for row in rows for step in _steps(row, dials)]
        swapped = [row for row in rows if row["event"] == "swap_ended" and row["outcome"] != "abandoned"]
        steps += [(float(row["t"]), Await(number)) for number, row in enumerate(swapped, 1)]
        seconds = float(cast("float", document["seconds"]))
        lost = int(cast("int", document.get("lost", 0)))
        refusals = _refusals(rows, dials)
        agents = _agents(rows)
        ending = ending_of(rows)
        if document["reason"] == CRASHED:
            ending = replace(ending, code=INTERNAL_ERROR)
        steps.sort(key=lambda step: step[0])
        return Script(tuple(steps), seconds, agents, ending, refusals, lost, _longest_absence(rows))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is not whole: {type(error).__name__} {error}") from None


def ending_of(rows: Iterable[Row]) -> Ending:
    """Read how a call went."""
    swaps, causes, code = [], [], None
    for row in rows:
        match row["event"]:
            case "swap_ended":
                swaps.append((str(row["reason"]), str(row["outcome"]), str(row["to"])))
            case "link_lost":
                causes.append(_ALIKE.get(str(row["cause"]), str(row["cause"])))
            case "session_ended":
                code = int(row["code"])
    return Ending(tuple(swaps), tuple(causes), code)


@dataclass(slots=True)
class _Dial:
    """One dial of a call: the n-th, and the n-th of its agent."""

    number: int
    agent: str
    own: int
    served: bool = False


def _dials(rows: Iterable[Row]) -> dict[int, _Dial]:
    """Read the dials of a call, by generation."""
    found: dict[int, _Dial] = {}
    own: Counter[str] = Counter()
    newest: _Dial | None = None
    for row in rows:
        if row["event"] == "link_dialled":
            own[str(row["agent_id"])] += 1
            newest = _Dial(len(found) + 1, str(row["agent_id"]), own[str(row["agent_id"])])
            found[int(row["generation"])] = newest
        elif row["event"] == "swap_ended" and row["outcome"] in _SERVED and newest is not None:
            newest.served = True
    return found


def _steps(row: Row, dials: Mapping[int, _Dial]) -> Iterable[Step]:  # noqa: PLR0911 - one branch per kind of event
    match row["event"]:
        case "caller_chose":
            return (Say({"type": "select_workflow", "workflowId": row["wanted"]}),)
        case "caller_text":
            return (Say({"type": "text_input", "text": row.get("text") or "x" * int(row["text_length"])}),)
        case "caller_spoke":
            return (Speak(FRAME_BYTES),)  # it was stashed, so the counters do not know it
        case "caller_stopped_speaking":
            return (Say({"type": "end_of_speech"}),)
        case "caller_configured":
            return (Say({"type": "sessionConfig", "config": {}}),)
        case "caller_sent" if "message_type" in row:
            return (Say({"type": row["message_type"]}),)
        case "caller_gone":
            return (HangUp(),)
        case "caller_returned":
            return (ComeBack(),)
        case "handoff_requested":
            return (HandOver(str(row["target"])),)
        case "routed" if row["reason"] == "transfer":
            return (Transfer(str(row["agent_id"])),)
        case "link_lost" if row["cause"] not in _NOT_DONE and int(row["generation"]) in dials:
            dial = dials[int(row["generation"])]
            return (Break(dial.number, str(row["cause"]), dial.served),)
        case _:
            return ()


def _agents(rows: Iterable[Row]) -> dict[str, int]:
    places = {(str(row["agent_id"]), str(row["url"])) for row in rows if row["event"] == "link_dialled"}
    return dict(Counter(agent for agent, _ in places))


def _speech(readings: Iterable[tuple[float, int, int]]) -> Iterable[tuple[float, Speak]]:
    """Spread the caller's frames between one reading and the next."""
    before = 0.0
    for at, frames, octets in readings:
        if frames <= 0:
            continue
        since = max(before, at - MAX_SPREAD_S)
        for number in range(1, frames + 1):
            yield since + (at - since) * number / frames, Speak(octets // frames)
        before = at


def _longest_absence(rows: Iterable[Row]) -> float:
    longest, gone_at = 0.0, 0.0
    for row in rows:
        if row["event"] == "caller_gone":
            gone_at = float(row["t"])
        elif row["event"] == "caller_returned":
            longest = max(longest, float(row["t"]) - gone_at)
    return longest


def _refusals(rows: Iterable[Row], dials: Mapping[int, _Dial]) -> dict[tuple[str, int], int]:
    """Find which dial of which agent was refused, or had not been answered when it ended."""
    refused = {}
    for row in rows:
        if row["event"] == "link_lost" and (dial := dials.get(int(row["generation"]))) is not None:
            if row["cause"] in _REFUSALS:
                refused[dial.agent, dial.own] = _REFUSALS[str(row["cause"])]
            elif not dial.served and row["cause"] not in _NOT_DONE:
                refused[dial.agent, dial.own] = SILENT
    return refused


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case tuple():
            return "[" + ", ".join(" ".join(part) if isinstance(part, tuple) else str(part) for part in value) + "]"
        case _:
            return str(value)
