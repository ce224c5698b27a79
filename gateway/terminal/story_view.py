"""One call's life: how it is, who served it, what happened, its links, and what was said; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gateway.terminal import story as lives
from gateway.terminal import words
from gateway.terminal.columns import Column, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from gateway.terminal.story import Link, Served

RIBBON = 60  # characters at most
_LINK_STYLES = {lives.OPEN: words.GOOD, lives.LOST: words.BAD, lives.ENDED: words.QUIET}
_AGENT_STYLES = ("cyan", "blue", "magenta", "green", "yellow")


def story_view(story: Mapping[str, Any], row: Mapping[str, Any] | None, now: int, width: int | None) -> Group:
    """Everything that is known of a call; ``row``: how it is now, where it goes on."""
    return Group(
        *_head(story, row, now),
        Text(),
        *_ribbon(list(lives.served(story, now)), width),
        *_section("what happened", _steps(story, width)),
        *_section("links", _links(lives.links(story), now, width)),
        *_section("what was said, masked", _said(story)),
    )


def _section(title: str, content: RenderableType) -> tuple[RenderableType, ...]:
    return Text(), Text(title, style="bold"), content


def _head(story: Mapping[str, Any], row: Mapping[str, Any] | None, now: int) -> Iterator[Text]:
    head = Text.assemble("call ", (str(story["id"]), "bold"))
    if row is None:
        yield head.append("  live" if story.get("live") else "  over", words.QUIET)
        return
    health = row["health"]
    yield head.append(f"  {words.HEALTH_SIGNS[health]} {words.spaced(health.value)}", words.HEALTH_STYLES[health])
    yield Text(f"{row.get('agent') or 'no agent'}, {words.spaced(row.get('state'))}, {row.get('url') or 'no instance'}")
    swaps, left = words.plural(row.get("swaps") or 0, "swap"), words.plural(row.get("restarts_left") or 0, "restart")
    yield Text(f"lasts {words.since(row.get('began'), now)}, {swaps}, {left} left")
    heard = f"audio in {words.audio(row.get('caller_audio'), now)}, out {words.audio(row.get('agent_audio'), now)}"
    dropped = words.plural(row.get("dropped") or 0, "frame")
    yield Text(f"{heard}, stashed {words.size(row.get('stashed'))}, dropped {dropped}")
    yield Text(f"the gateway adds {words.delays(row.get('added_ms'))} ms (p50 / p99)")


def _ribbon(spans: list[Served], width: int | None) -> Iterator[Text]:
    """Who served when, as a band to scale and in words."""
    whole = sum(span.ended - span.began for span in spans)
    if not whole:
        return
    room = min(RIBBON, width or RIBBON)
    agents = list(dict.fromkeys(span.agent for span in spans if span.agent))
    styles = {agent: _AGENT_STYLES[place % len(_AGENT_STYLES)] for place, agent in enumerate(agents)}
    band, legend = Text(no_wrap=True), Text()
    for span in spans:
        lasted = span.ended - span.began
        length = max(1, round(lasted / whole * room))
        band.append(("█" if span.agent else "░") * length, styles.get(span.agent, words.BAD))
        legend.append(", " if legend else "")
        legend.append(f"{span.agent or 'nobody'} {words.span(lasted)}", styles.get(span.agent, words.BAD))
    yield band
    yield legend


def _steps(story: Mapping[str, Any], width: int | None) -> RenderableType:
    steps = story.get("steps") or []
    if not steps:
        return Text("nothing is kept", style=words.QUIET)
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True, style=words.QUIET)
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold", no_wrap=width is None)
    for step in steps:
        told = words.of_event(step)
        drawn.add_row(words.clock(step["at"]), Text(told.title, style=told.style), Text(told.more, style=words.QUIET))
        for more in _more(step):
            drawn.add_row("", "", Text(more, style=words.QUIET))
    return drawn


def _more(step: Mapping[str, Any]) -> Iterator[str]:
    match step["event"]:
        case "link_lost" if said := words.policy(step.get("policy")):
            yield said
        case "swap":
            yield words.receipt(step)
        case "ended" if causes := step.get("causes"):
            yield f"causes: {', '.join(words.spaced(cause) for cause in causes)}"
        case _:
            pass


def _links(links: list[Link], now: int, width: int | None) -> RenderableType:
    if not links:
        return Text("none was dialled", style=words.QUIET)
    columns: Sequence[Column[Link]] = (
        Column("link", 4, 0, lambda link: str(link.generation), justify="right"),
        Column("agent", 12, 1, lambda link: link.agent),
        Column("instance", 28, 4, lambda link: link.url),
        Column("lasted", 9, 3, lambda link: words.span((link.ended or now) - link.began), justify="right"),
        Column("end", 5, 2, lambda link: link.end, lambda link: _LINK_STYLES[link.end]),
        Column("why", 30, 5, lambda link: words.cause(link.cause, link.detail)),
        Column("dialled for", 20, 6, lambda link: words.spaced(link.reason)),
    )
    return table(columns, links, width)


def _said(story: Mapping[str, Any]) -> RenderableType:
    lines = story.get("lines")
    if not lines:
        words_of_none = "no words are kept" if lines is None else "nobody has said anything"
        return Text(words_of_none, style=words.QUIET)
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True, style=words.QUIET)
    drawn.add_column(no_wrap=True, justify="right")
    drawn.add_column(overflow="fold")
    for line in lines:
        who = "caller" if line.get("role") == "user" else str(line.get("agent") or line.get("role"))
        style = "cyan" if who == "caller" else "bold"
        drawn.add_row(words.clock(line.get("timestamp") or 0), Text(who, style=style), Text(str(line.get("text"))))
    return drawn
