"""How long a call is without an agent: in a hand-off, and after an agent's connection was reset."""

from __future__ import annotations

from benchmarks.report import Figures, quantile

CALLS = 50  # in progress; each has one event, so that neither budget nor breaker is what is measured
RECEIPT, OUTSIDE, AFTER = "by the receipt", "seen from outside", "from the event, outside"


def handoffs(load, relay, events):
    """Milliseconds from the hold to the cut-over, while the agents of fifty live calls hand them on one by one."""
    agents = {"triage": [""]}  # callers choose the first; the other one is there to be handed to
    return _measure(load, relay, "handoffs", events, agents, "hand-off", lambda swap: swap["replayed"]["held_ms"])


def failovers(load, relay, events):
    """Milliseconds without an agent, while connections of fifty live calls are reset; each agent has two instances."""
    agents = {f"bench-{number}": [f"/{number}a", f"/{number}b"] for number in range(CALLS)}
    return _measure(load, relay, "failovers", events, agents, "failover", lambda swap: swap["gap_ms"])


def _measure(load, relay, work, events, agents, title, of_receipt):
    seen = {RECEIPT: [], OUTSIDE: [], AFTER: []}
    while len(seen[RECEIPT]) < events:
        relay.register({"banking": ["/banking"]})
        with load.callers(relay, work, agents, callers=CALLS, sizes=[640]) as begin:
            result = begin()
            for session in result["sessions"]:
                seen[RECEIPT] += [of_receipt(swap) for swap in _swaps(relay, session, work.removesuffix("s"))]
        seen[OUTSIDE] += result["without"]
        seen[AFTER] += result["after"]
    found = Figures(work, f"{title}: time without an agent, {len(seen[OUTSIDE])} in live calls", "ms")
    for name, values in seen.items():
        found.add(f"{relay.name}, {name}, p50", quantile(values, 50))
        found.add(f"{relay.name}, {name}, p99", quantile(values, 99))
    return [found]


def _swaps(relay, session, reason):
    steps = relay.ask(f"/admin/sessions/{session}")["steps"]
    return [step for step in steps if step["event"] == "swap" and step["reason"] == reason]
