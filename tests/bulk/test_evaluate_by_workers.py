"""`clsfw evaluate --on` prints and writes the bytes of one process, whoever predicts, and in whatever order."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from support.crews import AtRow, workers
from support.many_files import contents
from support.ray_cluster import lose_a_node

import clsfw
from clsfw import HostError
from clsfw.bulk import predicting
from clsfw.bulk.crew import Crew
from clsfw.bulk.predicting import LoadRun, predict_by
from clsfw.bulk.task import identity_of
from clsfw.cli import main
from clsfw.contract.parts import Event
from clsfw.inference.evaluate import evaluate_files
from clsfw.inference.reading import Reading, RowFile


@pytest.fixture
def data(root, monkeypatch, tmp_path):
    """Give the labelled texts that the run was made of, which are now many chunks; its workers are in `tmp_path`."""
    monkeypatch.setattr("clsfw.inference.chunks.ROWS", 200)
    monkeypatch.chdir(tmp_path)
    return root / "recipes" / "quickstart.csv"


@pytest.fixture
def evaluate(baseline, data, capsys):
    """Give a function that calls the command, and returns what it printed with the notes and what it wrote."""

    def call(name, *words, code=0):
        run = ["evaluate", str(baseline.directory), "--data", str(data), "--json", "--output", name]
        assert code == main([*run, *words])
        said = capsys.readouterr()
        return said.out, said.err, contents(Path(name)) if code == 0 else Path(name).exists()

    return call


@pytest.fixture
def evaluate_by(baseline, data):
    """Give a function that scores by a crew under a reporter."""

    def call(crew, reporter):
        classifier = clsfw.load(baseline.directory)
        load = LoadRun(str(baseline.directory), identity_of(classifier.record))
        files = [RowFile.of(classifier, data, Reading())]
        by = None if crew is None else lambda chunks: predict_by(crew, load, chunks)
        return evaluate_files(classifier, files, reporter=reporter, predict=by)

    return call


def test_two_workers_leave_the_bytes_of_one_process(evaluate):
    out, told, written = evaluate("here")

    assert (out, told, written) == evaluate("there", "--jobs", "2")
    assert json.loads(out)["leaks"]["test_without_leaks"]["leaked_rows"] > 0
    assert {"metrics.json", "predictions.csv"} == set(written)


def test_answers_are_put_into_the_order_of_the_texts(monkeypatch):
    def backwards(crew, load, pieces):
        yield from (Event("done", number, text.upper()) for number, text in reversed(list(pieces)))

    monkeypatch.setattr(predicting, "share_out", backwards)

    assert ["A", "B", "C"] == list(predict_by(Crew("local"), LoadRun("run", ""), iter("abc")))


def test_a_worker_that_is_killed_ends_in_a_message(evaluate_by, tmp_path):
    def kill():
        for pid in workers(tmp_path):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(HostError, match=r"a worker was ended by signal 9 .*; the same command begins again"):
        evaluate_by(Crew("local", 1), AtRow(200, kill))
    assert [] == workers(tmp_path)


def test_a_run_that_changes_meanwhile(baseline):
    with pytest.raises(clsfw.UsageError, match="a worker sees another run there than this command, or the run has"):
        LoadRun(str(baseline.directory), "another")(print)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--on", "rey"], 2, "there is no executor 'rey'; did you mean 'ray'? available: 'local', 'ray'"),
        (["--on", "ray://127.0.0.1:1"], 6, "no Ray cluster answers at ray://127.0.0.1:1: "),
        (["--threads", "2"], 2, "--threads is for workers; give their number by --jobs"),
        (["--jobs", "no"], 2, "no is not a number from 1"),
    ],
)
def test_workers_that_cannot_be(words, code, message, evaluate):
    _, told, exists = evaluate("there", *words, code=code)

    assert message in told
    assert not exists


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings are not ours
def test_on_ray_the_bytes_are_the_same_though_a_worker_and_a_node_are_lost(cluster, evaluate_by, tmp_path, reporter):
    lost = []

    def lose():
        lost.append(workers(tmp_path)[0])
        os.kill(lost[0], signal.SIGKILL)
        lose_a_node(cluster)

    assert evaluate_by(None, reporter) == evaluate_by(Crew("ray"), AtRow(1000, lose))
    assert 1 == len(lost)
