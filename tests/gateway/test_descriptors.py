"""A process takes the descriptors that its calls need, and says where it gets fewer."""

from __future__ import annotations

import resource

import pytest
from loguru import logger

from gateway import descriptors


@pytest.mark.parametrize(
    ("soft", "hard", "taken", "told"),
    [
        (1024, 8000, 2100, False),
        (1024, 2000, 2000, True),
        (1024, -1, 2100, False),
        (5000, 6000, None, False),
        (-1, -1, None, False),
    ],
)
def test_descriptors_are_taken_as_far_as_they_go(monkeypatch, soft, hard, taken, told):
    asked, lines = [], []
    monkeypatch.setattr(resource, "RLIM_INFINITY", -1)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    sink = logger.add(lines.append, level="WARNING")
    descriptors.take(2000)
    logger.remove(sink)
    assert asked == ([] if taken is None else [(taken, hard)])
    assert bool(lines) == told
