"""Several runs of a study at once, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from support.studies import bytes_of

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.studies.board import Silent
from clsfw.studies.crew import Alone
from clsfw.studies.execute import carry_out
from clsfw.studies.making import Maker
from clsfw.studies.plan import make_study
from clsfw.studies.search import Trials

if TYPE_CHECKING:
    from pathlib import Path

STUDY = """
[study]
seeds = 2

[study.search]
use = "learner"
trials = 3
metric = "f1"

[study.space]
"trainer.steps" = { low = 2, high = 9 }
"""

PARTS = '''
import os
import signal
import time

import clsfw
from clsfw.testing import ToyTrainer


class Learner:
    """A searcher whose proposals hang on the trials before."""

    def ask(self, space, finished, number, seed):
        return {"trainer.steps": 2 + (3 * number + sum(round(100 * (t.score or 0)) for t in finished)) % 8}


class Fixed:
    def ask(self, space, finished, number, seed):
        return {"trainer.steps": (4, 7, 2)[number - 1]}


def Troubled(steps):
    class Trainer(ToyTrainer):
        def fit(self, model, data, run):
            trouble = os.environ.get("TROUBLE", "")
            if trouble == "dies" and steps == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            if trouble == "waits":
                open(os.environ["WAITING"], "a").write(f"{os.getpid()}\\n")
                while not run.stop_requested:
                    time.sleep(0.01)
            if steps == 7:
                raise clsfw.TrainingError("the loss is not finite")
            super().fit(model, data, run)

    return Trainer(steps=steps)


class Steps(clsfw.Settings):
    """How many."""

    steps: int = 5


@clsfw.hookimpl
def register_searchers():
    return [
        clsfw.Component(name=name, summary="proposes", settings=clsfw.Settings, build=lambda _, made=made: made())
        for name, made in (("learner", Learner), ("fixed", Fixed))
    ]


@clsfw.hookimpl
def register_trainers():
    return [clsfw.Component(name="troubled", summary="trains", settings=Steps, build=lambda s: Troubled(s.steps))]
'''


@pytest.fixture
def plan(study, install, site, monkeypatch):
    """Give a function that plans the study with a searcher; the processes find the same plugins."""
    install("parts", PARTS)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def make(use: str = "fixed"):
        recipe = study(STUDY.replace("learner", use))
        text = recipe.read_text()
        old = text[text.index("[trainer]") : text.index("[[metrics]]")]
        recipe.write_text(text.replace(old, '[trainer]\nuse = "troubled"\n\n'))
        return make_study(recipe, [], discover())

    return make


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("alone")


@pytest.fixture
def alone(plan, kept) -> dict[str, str]:
    """Give the bytes of the study whose runs were made one after the other; it is carried out once."""
    return bytes_of(carry_out(plan(), out=kept / "s").directory, begun=False)


@pytest.mark.thorough
def test_two_at_once_give_the_same_bytes_as_one_after_the_other(plan, alone, tmp_path):
    study = carry_out(plan(), out=tmp_path / "s", jobs=2)

    assert alone == bytes_of(tmp_path / "s", begun=False)
    assert study.record["search"] is not None
    assert "the loss is not finite" == study.record["search"]["trials"][1]["error"]
    begun = json.loads((tmp_path / "s/begun.json").read_text())
    assert (2, 1) == (begun["jobs"], begun["threads"])
    record = json.loads((tmp_path / "s/runs/trial-0001/run.json").read_text())
    assert "1" == record["fixed"]["environment"]["omp_num_threads"]


def test_proposals_hang_on_the_trials_as_many_back_as_there_are_jobs(plan, tmp_path):
    study = plan("learner")
    crew = Alone(Maker(study, tmp_path, Silent()))
    crew.jobs = 2

    trials = Trials(study, study.search, tmp_path, Silent(), crew).make()

    scores = [round(100 * (trial["first"] or 0)) for trial in trials]
    expected = [2 + (3 * number + sum(scores[: max(0, number - 2)])) % 8 for number in (1, 2, 3)]
    assert expected == [trial["values"]["trainer.steps"] for trial in trials]


def test_a_process_that_dies_stops_the_study_by_name(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("TROUBLE", "dies")

    with pytest.raises(clsfw.HostError, match="the process that made trial-0001 was ended by signal 9"):
        carry_out(plan(), out=tmp_path / "s", jobs=2)


def test_another_number_of_jobs_is_refused_by_name_until_the_study_is_complete(plan, kept, alone, tmp_path):
    shutil.copytree(kept / "s", tmp_path / "s")
    assert alone == bytes_of(carry_out(plan(), out=tmp_path / "s", jobs=3).directory, begun=False)

    (tmp_path / "s/study.json").unlink()
    with pytest.raises(clsfw.RunDirectoryError, match="was begun with --jobs 1, on which its bits hang"):
        carry_out(plan(), out=tmp_path / "s", jobs=3)


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_no_number_of_runs(jobs, plan, cli):
    answer = cli("study", plan().document.file, "--jobs", jobs)

    assert (2, True) == (answer.code, f"{jobs} is not a number of runs from 1" in answer.told)


@pytest.fixture
def signalled(plan, tmp_path):
    """Give a function that sends a signal to a study amid its first runs, and returns its exit code."""

    def send(number: int, out: Path) -> int:
        waiting = tmp_path / "waiting"
        environment = {**os.environ, "TROUBLE": "waits", "WAITING": str(waiting)}
        command = [sys.executable, "-m", "clsfw", "study", str(plan().document.file), "--out", str(out), "--jobs", "2"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                _until(lambda: len(_processes(waiting)) == 2)
            finally:
                process.send_signal(number)
        _until(lambda: not any(_alive(pid) for pid in _processes(waiting)))
        return process.returncode

    return send


@pytest.mark.thorough
def test_a_request_to_stop_reaches_all_processes(signalled, tmp_path):
    assert 128 + signal.SIGTERM == signalled(signal.SIGTERM, tmp_path / "s")

    assert (tmp_path / "s/runs/trial-0001/checkpoints").is_dir()


@pytest.mark.thorough
def test_after_a_kill_no_process_stays_and_the_same_command_continues(signalled, plan, alone, tmp_path):
    assert -signal.SIGKILL == signalled(signal.SIGKILL, tmp_path / "s")

    carry_out(plan(), out=tmp_path / "s")
    assert alone == bytes_of(tmp_path / "s", begun=False)


def _processes(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _until(happened) -> None:
    limit = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.05)
