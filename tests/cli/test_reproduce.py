from __future__ import annotations

import argparse
import json

import pytest

import clsfw
from clsfw.cli import reproduce
from clsfw.errors import RunDirectoryError, UsageError

RECIPE = """
schema = 1
name = "tiny"

[data]
use = "csv"
source = "reviews.csv"

[split]
method = "in-order"
train = 40
validation = 10
test = 30

[model]
use = "tfidf"

[trainer]
use = "sklearn-fit"

[[metrics]]
use = "macro-metrics"
"""


def write_reviews(path, *, turned=0):
    """Write 80 reviews whose words tell the label, but for the last `turned` ones."""
    lines = ["text,label"]
    for i in range(80):
        good = (i % 2 == 0) != (i >= 80 - turned)
        words = "fine lovely film" if good else "dull tired film"
        lines.append(f"{words} number {i},{'positive' if i % 2 == 0 else 'negative'}")
    (path / "reviews.csv").write_text("\n".join(lines) + "\n")


def call(*arguments):
    parser = argparse.ArgumentParser()
    reproduce.add_arguments(parser)
    return reproduce.main(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def run(tmp_path):
    write_reviews(tmp_path)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return clsfw.run(tmp_path / "tiny.toml", out=tmp_path / "run").directory


def test_a_run_is_the_same_again_in_bits_predictions_and_metrics(run, capfd):
    (run.parent / "tiny.toml").unlink()  # the run directory alone must do
    assert call(run, "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert {level["what"]: level["same"] for level in told["levels"]} == {
        "model": True,
        "predictions": True,
        "metrics": True,
    }
    assert told["surroundings"] == []


def test_doing_it_twice_runs_it_twice(run, capfd):
    assert call(run) == 0
    assert call(run) == 0
    assert (run.parent / "run-reproduced.old-1").is_dir()
    assert "model        same" in capfd.readouterr().out


def test_other_data_is_named_and_ends_with_9(run, tmp_path, capfd):
    write_reviews(tmp_path, turned=9)
    assert call(run, "--out", tmp_path / "again") == 9
    told = capfd.readouterr().out
    assert "metrics      NOT the same  test accuracy 1.0 before, 0.7 now" in told
    assert "data.test: " in told


def test_another_kernel_of_the_matrix_library_is_named(run, capfd):
    file = run / "run.json"
    record = json.loads(file.read_text())
    if "kernel" not in record["fixed"]["environment"]["blas"]:
        pytest.skip("numpy's matrix library tells no kernel here")
    record["fixed"]["environment"]["blas"]["kernel"] = "Katmai"
    file.write_text(json.dumps(record))
    assert call(run) == 0
    assert "environment.blas.kernel: 'Katmai' before, " in capfd.readouterr().out


def test_bits_that_differ_for_no_recorded_reason_are_not_said_to_have_the_same_surroundings(run, capfd, monkeypatch):
    monkeypatch.setattr("clsfw.evidence.reproduction._hashes", lambda run: {"model/x": str(run.directory)})
    assert call(run) == 0
    assert "the same as far as a run records them; what differs is not recorded" in capfd.readouterr().out


def test_a_run_is_not_repeated_onto_itself(run):
    with pytest.raises(UsageError, match="is the run itself"):
        call(run, "--out", run)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        call(tmp_path)
