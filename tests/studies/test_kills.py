"""SIGKILL at any file operation of a study: the same command ends with the same trials and the same bytes."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest
from support.children import in_child
from support.operations import operations_of
from support.studies import bytes_of

from clsfw.discovery.plugins import discover
from clsfw.studies.execute import carry_out
from clsfw.studies.plan import make_study
from clsfw.testing.faults import faults, kill

if TYPE_CHECKING:
    from pathlib import Path

    from clsfw.studies.plan import StudyPlan

# Python 3.12 warns of a fork where other tests left threads; the children here use none of those.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

STUDY = """
[study]
seeds = 2

[study.search]
use = "random"
trials = 2
metric = "f1"

[study.space]
"trainer.steps" = { low = 2, high = 9 }
"""


def disturbed(plan: StudyPlan, path: Path, at: int) -> int:
    def job() -> None:
        with faults(kill(at)):
            carry_out(plan, out=path)

    return in_child(job)


def lost(plan: StudyPlan, folder: Path, kills: int) -> list[str]:
    """Kill a study again and again until it is complete, and begin another, until so many kills; say what was lost."""
    count = operations_of(lambda: carry_out(plan, out=folder / "undisturbed"))
    expected = bytes_of(folder / "undisturbed")
    moments, killed, found = random.Random(17), 0, []
    while killed < kills:
        path = folder / f"after-{killed}"
        while killed < kills and disturbed(plan, path, moments.randint(1, count)) == signal.SIGKILL:
            killed += 1
        if (ended := in_child(lambda path=path: carry_out(plan, out=path))) != 0:
            found.append(f"kill {killed}: the same command ended with {ended}")
        elif bytes_of(path) != expected or list(path.rglob(".tmp-*")):
            found.append(f"kill {killed}: the study ends otherwise")
    return found


@pytest.mark.parametrize("count", [2, pytest.param(10, marks=pytest.mark.thorough)])
def test_kills_lose_nothing(count, study, tmp_path):
    assert [] == lost(make_study(study(STUDY), [], discover()), tmp_path, count)


def test_what_a_kill_left_half_written_among_the_trials_goes(study, tmp_path):
    plan = make_study(study(STUDY), [], discover())
    carry_out(plan, out=tmp_path / "s")
    (tmp_path / "s/study.json").unlink()
    (tmp_path / "s/trials/.tmp-d7f57a0ea1fd").write_text("{")

    carry_out(plan, out=tmp_path / "s")

    assert [] == list((tmp_path / "s").rglob(".tmp-*"))


@pytest.mark.thorough
def test_kills_amid_halving_lose_nothing(halved, tmp_path):
    assert [] == lost(make_study(halved(), [], discover()), tmp_path, 5)


@pytest.mark.slow
def test_a_hundred_kills_lose_nothing(study, tmp_path):
    assert [] == lost(make_study(study(STUDY), [], discover()), tmp_path, 100)
