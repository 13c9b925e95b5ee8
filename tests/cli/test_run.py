"""`clsfw run --json` and `--quiet`."""

from __future__ import annotations

import json

import pytest

from clsfw.cli import main

KEYS = ["name", "state", "directory", "report", "model", "seed", "seconds", "split", "scores", "intervals", "verdict"]


@pytest.fixture
def run(baseline):
    """Return the command that shows the baseline again."""
    changed = ["--set", "model.use=tfidf", "--set", "trainer.use=sklearn-fit"]
    return baseline, ["run", "quickstart", *changed, "--out", str(baseline.directory)]


def test_json_is_one_object_with_stable_keys(run, capfd):
    finished, command = run

    assert 0 == main([*command, "--json"])

    captured = capfd.readouterr()
    shown = json.loads(captured.out)
    assert [*KEYS, "findings", "warnings"] == list(shown)
    assert finished.scores == shown["scores"]
    assert (str(finished.directory), "complete", "test") == (shown["directory"], shown["state"], shown["split"])
    assert "is complete already" in captured.err


def test_quiet_shows_the_result_and_no_progress(run, capfd):
    _, command = run

    assert 0 == main([*command, "-q"])

    captured = capfd.readouterr()
    assert "" == captured.err
    assert "complete already" not in captured.out
    assert "test texts are right" in captured.out


def test_quiet_json_is_the_object_alone(run, capfd):
    _, command = run

    assert 0 == main([*command, "--quiet", "--json"])

    captured = capfd.readouterr()
    assert "" == captured.err
    assert "scores" in json.loads(captured.out)
