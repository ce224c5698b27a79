"""What a run has counted, and the table of it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Everything that is seen from outside."""

    faults: Counter = field(default_factory=Counter)
    gaps_ms: list = field(default_factory=list)
    back_ms: list = field(default_factory=list)
    closes: Counter = field(default_factory=Counter)
    refusals: Counter = field(default_factory=Counter)
    new_sessions: int = 0
    cpu_s: float = 0.0
    texts: Counter = field(default_factory=Counter)
    metrics: dict = field(default_factory=dict)
    left: dict = field(default_factory=dict)
    violations: list = field(default_factory=list)

    @property
    def kills(self):
        """Actors and processes that were killed or frozen; the other faults are of what is between and below them."""
        return sum(count for name, count in self.faults.items() if name.startswith(("kill", "freeze")))

    def document(self):
        """Plain values."""
        return {
            "kills": self.kills,
            "faults": dict(self.faults),
            "gaps_ms": {name: percentile(self.gaps_ms, part) for name, part in (("p50", 0.5), ("p99", 0.99))},
            "back_ms": {name: percentile(self.back_ms, part) for name, part in (("p50", 0.5), ("p99", 0.99))},
            "recovered": len(self.gaps_ms),
            "closes": {str(code): count for code, count in self.closes.items()},
            "refusals": {str(code): count for code, count in self.refusals.items()},
            "new_sessions": self.new_sessions,
            "texts": dict(self.texts),
            "metrics": self.metrics,
            "left": self.left,
            "gateway_cpu_s": self.cpu_s,
            "violations": self.violations,
        }

    def table(self):
        """The same for people."""
        rows = [
            ("kills", self.kills),
            ("kills and other faults", sum(self.faults.values())),
            *((f"  {name}", count) for name, count in self.faults.most_common()),
        ]
        rows += [(f"swaps: {name}", count) for name, count in sorted(self.metrics.get("swaps", {}).items())]
        gaps = " / ".join(f"{percentile(self.gaps_ms, part):.0f} ms" for part in (0.5, 0.99))
        rows += [("recoveries that callers were told of", len(self.gaps_ms)), ("  without agent, p50 / p99", gaps)]
        rows += [(f"texts {name}", count) for name, count in self.texts.items()]
        rows += [(f"frames dropped: {why}", count) for why, count in sorted(self.metrics.get("dropped", {}).items())]
        rows += [
            ("callers' sockets by close code", _pairs(self.closes)),
            ("refused or no connection", _pairs(self.refusals)),
        ]
        rows += [("calls that began anew", self.new_sessions)]
        rows += [(f"left behind: {name}", count) for name, count in self.left.items()]
        rows += [("seconds of CPU of the gateway", f"{self.cpu_s:.1f}"), ("violations", len(self.violations))]
        return "\n".join(f"{name:40} {value}" for name, value in rows)


def percentile(values, part):
    """The nearest rank; 0 of nothing."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else 0.0


def _pairs(counted):
    return ", ".join(f"{name}: {count}" for name, count in counted.most_common()) or "none"
