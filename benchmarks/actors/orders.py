"""How a measured process is told what to do: one order a line, ``work number``; it answers ``done``, or ``no``."""

from __future__ import annotations

import ctypes
import sys

PR_SET_CHILD_SUBREAPER = 36


def keep_family():
    """Let daemons that this process starts stay its descendants, so that they are counted."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def serve(works):
    """Do what is told until the input ends. ``works``: by name, a function of the number of units."""
    say("ready")
    for line in sys.stdin:
        work, number = line.split()
        works[work](int(number))
        say("done")


def say(word):
    print(word, flush=True)
