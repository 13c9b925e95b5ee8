"""The clock of the machine is set back while a run works, and before it is looked at."""

from __future__ import annotations

import json
import os
import shutil
import time
from datetime import datetime, timedelta

import pytest
from support.small import write_small_run

from clsfw.cli import main, runs
from clsfw.engine import execute
from clsfw.evidence.listing import ListedRun, find_runs
from clsfw.kit import lock


class Backwards(datetime):
    """A clock on which it is a day earlier at each look."""

    looks = 0

    @classmethod
    def now(cls, tz=None):
        Backwards.looks += 1
        return datetime.now(tz) - timedelta(days=Backwards.looks)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a folder with a run that was made while the clock went back again and again."""
    folder = tmp_path_factory.mktemp("clock")
    real = time.time
    with pytest.MonkeyPatch.context() as patch:
        for module in (execute, lock):
            patch.setattr(module, "datetime", Backwards)
        patch.setattr(time, "time", lambda: real() - 1000 * next_look())
        shutil.copytree(write_small_run(folder), folder / "other")
    assert Backwards.looks >= 2  # at the beginning of the run, and in its lock
    return folder


def next_look():
    Backwards.looks += 1
    return Backwards.looks


def test_no_duration_is_negative(project):
    timings = json.loads((project / "run" / "timings.json").read_text())

    assert {"train_seconds", "predict_seconds"} < set(timings)
    assert all(seconds >= 0 for seconds in timings.values())


@pytest.mark.parametrize(
    "verb",
    [
        "predict run fine",
        "evaluate run --data texts.csv",
        "compare run other",
        "reproduce run --out again",
        "runs .",
        "clean run --yes",
        "show run/resolved.toml",
        "run recipe.toml --out run",
    ],
)
def test_every_verb_takes_a_run_of_tomorrow(verb, project, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(runs, "datetime", Backwards)
    for path in (project / "run").rglob("*"):
        os.utime(path, times=(4e9, 4e9))

    assert 0 == main(verb.replace("again", str(tmp_path / "again")).split()), capsys.readouterr().err


def test_the_age_of_a_run_of_tomorrow_is_none(project, monkeypatch):
    monkeypatch.setattr(runs, "datetime", Backwards)
    tomorrow = datetime.now().astimezone() + timedelta(days=1)

    assert "just now" == runs.age(ListedRun(project / "run", "complete", started=tomorrow.isoformat()))
    assert "just now" == runs.age(find_runs(project / "run")[0])
