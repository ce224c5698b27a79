"""What the machine says of processes: their CPU, their memory; and what machine it is."""

from __future__ import annotations

import os
import platform
import select
import socket
import time
import timeit
from contextlib import suppress
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    """User and system seconds that a process has used, threads that have ended included; exact to the nanosecond."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) gives


def family_cpu_s(pid):
    """The same of a process and all its descendants; of those that have ended, in ticks of the system."""
    return _over_family(pid, lambda one: cpu_s(one) + _of_ended_children_s(one))


def rss_kb(pid):
    """Resident memory in kilobytes (1,024 bytes)."""
    return _kb(f"/proc/{pid}/status", "VmRSS")


def family_kb(pid):
    """Memory of a process and all its descendants in kilobytes, what they share counted once."""
    return _over_family(pid, lambda one: _kb(f"/proc/{one}/smaps_rollup", "Pss"))


def family(pid):
    """A process and all its descendants."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            parents[int(folder.name)] = int(_stat(folder.name)[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _over_family(pid, read):
    found = 0
    for one in family(pid):
        with suppress(OSError, StopIteration):  # it has ended meanwhile
            found += read(one)
    return found


def _of_ended_children_s(pid):
    return sum(map(int, _stat(pid)[13:15])) / TICK


def _stat(pid):
    """The fields after the name, the state first; see proc_pid_stat(5), where that is number 3."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _kb(file, name):
    lines = Path(file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def free_port():
    """A TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def says(process, patience_s):
    """Whether there is something to hear of a process, or its end, within so many seconds."""
    return bool(select.select([process.stdout], [], [], patience_s)[0])


def hear(process, patience_s):
    """The next line that a process says; ``SystemExit`` where it ends, or says nothing for so long."""
    line = process.stdout.readline() if says(process, patience_s) else ""
    if not line:
        raise SystemExit(f"no answer within {patience_s} s, or it has ended: {' '.join(process.args)}")
    return line


def until_open(port, process):
    """Wait until something listens; raises where the process ends instead."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.025)
    raise SystemExit(f"nothing listens on {port}: {process.args}")


def cores():
    """One core for what is measured, another one for what loads it; the same one where there is only one."""
    found = sorted(os.sched_getaffinity(0))
    return found[0], found[-1]


def call_ns():
    """Nanoseconds of an empty function call: which build of Python this is, for its version does not tell."""
    return min(timeit.repeat("call()", "def call(): pass", number=100_000, repeat=7)) / 100_000 * 1e9


def describe():
    """The machine, in words."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_call_ns": round(call_ns()),
        "load_before": round(os.getloadavg()[0], 2),
    }
