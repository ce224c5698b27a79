"""Every input of the corpus keeps every promise; and so do some seconds of new ones, guided by coverage."""

from __future__ import annotations

import platform
from importlib.util import find_spec

import pytest

from tests.fuzz.__main__ import CORPUS, NAMES, fuzz
from tests.fuzz.targets import TARGETS

SECONDS = 3
NO_ATHERIS = f"atheris has no wheel for Python {platform.python_version()} on {platform.system()} {platform.machine()}"


@pytest.mark.parametrize("place", sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.glob("*/*")))
def test_the_corpus_keeps_every_promise(place: str) -> None:
    TARGETS[place.partition("/")[0]]((CORPUS / place).read_bytes())


def test_every_target_has_a_corpus() -> None:
    assert set(TARGETS) == set(NAMES) == {path.name for path in CORPUS.iterdir()}


@pytest.mark.real
@pytest.mark.skipif(find_spec("atheris") is None, reason=NO_ATHERIS)
@pytest.mark.parametrize("target", NAMES)
def test_some_seconds_of_new_inputs_keep_every_promise(target: str, tmp_path) -> None:
    outcome = fuzz(target, "-seed=1", f"-max_total_time={SECONDS}", "-timeout=120", found=tmp_path)
    assert outcome.code == 0, outcome.words
    assert outcome.executions > 50, outcome.words  # a target that only starts finds nothing
