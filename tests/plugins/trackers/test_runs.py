"""Whole runs that trackers watch: against MLflow's own server, W&B's offline mode and Trackio's own files."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.testing import check_watcher

CLOCKED = {"timings.json", "run.json", "report.html", "manifest.json", "lock", "resolved.toml"}
"""What holds times, or the hash of a file that does; and the recipe, which names the watcher."""
RECIPE = """
schema = 1
name = "toy"

[data]
use = "csv"
source = "toy.csv"

[split]
method = "stratified"
train = 40
validation = 10
test = 10

[model]
use = "tfidf"

[trainer]
use = "sklearn-fit"
C = 1.0

[[metrics]]
use = "macro-metrics"
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipe")
    rows = [f"{'good' if n % 2 else 'bad'} word{n % 7},{'yes' if n % 2 else 'no'}" for n in range(60)]
    (folder / "toy.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    (folder / "toy.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "toy.toml"


@pytest.fixture(scope="module")
def plain(recipe, tmp_path_factory):
    """Run once without a watcher."""
    return clsfw.run(recipe, out=tmp_path_factory.mktemp("plain") / "toy", display="none")


@pytest.fixture
def watched(recipe, tmp_path):
    """Give a function that runs with a watcher."""

    def watched(**watcher):
        return clsfw.run(recipe, overrides={"watchers": [watcher]}, out=tmp_path / "toy", display="none")

    return watched


def content(run):
    files = [path for path in run.directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(run.directory)): path.read_bytes() for path in files if path.name not in CLOCKED}


def facts(run):
    """Return what run.json says, but for times and the hashes of files with times."""
    record = json.loads((run.directory / "run.json").read_text(encoding="utf-8"))
    for key in ("started", "finished", "manifest"):
        record.pop(key, None)
    return record


@pytest.mark.slow
def test_mlflow_holds_settings_losses_and_scores(plain, watched, mlflow_server):
    from mlflow import MlflowClient

    run = watched(use="mlflow", tracking_uri=mlflow_server, experiment="reviews")

    client = MlflowClient(tracking_uri=mlflow_server)
    (found,) = client.search_runs([client.get_experiment_by_name("reviews").experiment_id])
    assert ("toy", "FINISHED") == (found.info.run_name, found.info.status)
    assert ("tfidf", "42") == (found.data.params["model.use"], found.data.params["seed"])
    assert run.scores["accuracy"] == found.data.metrics["test/accuracy"]
    assert [1] == [point.step for point in client.get_metric_history(found.info.run_id, "train/loss")]
    assert "complete" == found.data.tags["clsfw.state"]
    assert content(plain) == content(run)


def test_a_server_that_hangs_changes_no_byte(plain, watched, hanging_server):
    with pytest.warns(UserWarning, match=r"^watcher 'mlflow' failed .*: nothing was sent: stopped after 0.1 seconds"):
        run = watched(use="mlflow", tracking_uri=hanging_server, wait=0.1)

    assert content(plain) == content(run)
    assert facts(plain) == facts(run)


def test_wandb_offline_keeps_a_run_that_can_be_sent_later(tmp_path, plain, watched, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)

    run = watched(use="wandb", mode="offline")

    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    (file,) = folder.glob("*.wandb")
    data = file.read_bytes()
    for name in (b"model.use", b"train/loss", b"test/accuracy", b"clsfw.report"):
        assert name in data
    assert b"0123456789" * 4 not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert content(plain) == content(run)


def test_no_client_is_imported_in_the_runs_process():
    program = (
        "import sys, clsfw; from clsfw.discovery.plugins import discover; found = discover().components('watcher')\n"
        "assert {'mlflow', 'trackio', 'wandb'} <= set(found)\n"
        "sys.exit(bool({'mlflow', 'trackio', 'wandb', 'gradio_client', 'torch'} & set(sys.modules)))"
    )

    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlflow", "trackio", "wandb"])
def test_it_keeps_the_contract_of_watchers(name, mlflow_server, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    settings = {"mlflow": {"tracking_uri": mlflow_server}, "trackio": {}, "wandb": {"mode": "offline"}}[name]
    _, component = discover().components("watcher")[name]

    check_watcher(component, settings)


@pytest.mark.slow
def test_trackio_keeps_settings_losses_and_scores(tmp_path, plain, watched, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))

    run = watched(use="trackio", project="reviews")

    with closing(sqlite3.connect(tmp_path / "trackio" / "reviews.db")) as database:
        ((settings,),) = database.execute("SELECT config FROM configs").fetchall()
        scores = [json.loads(value) for (value,) in database.execute("SELECT metrics FROM metrics ORDER BY id")]
    assert "tfidf" == json.loads(settings)["model.use"]
    assert run.scores["accuracy"] == scores[-1]["test/accuracy"]
    assert content(plain) == content(run)
