from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

import clsfw
from clsfw import HostError, Labels
from clsfw.discovery.parts import BuiltWatcher, build_from_values
from clsfw.discovery.plugins import discover
from clsfw.engine.run import Execution
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory


@pytest.fixture
def open_run(tmp_path):
    """Give a function that opens the run directory with the plugin watching, as the engine does."""

    @contextmanager
    def opened(**settings):
        ((plugin, component),) = [discover().components("watcher")["tensorboard"]]
        watcher = replace(build_from_values(BuiltWatcher, plugin, component, settings), required=True)
        with RunDirectory.open(tmp_path / "runs" / "toy-1234") as store, StopSignals() as signals:
            run = Execution(
                name="toy",
                seed=1,
                labels=Labels(("a", "b")),
                data={},
                store=store,
                metrics=[],
                watchers=[watcher],
                display=Quiet(),
                signals=signals,
            )
            run.notify("on_run_start")
            store.history.rewind(store.checkpoints.latest())
            yield run

    return opened


def read(tmp_path, directory="runs/tensorboard"):
    """Give (step, tag, value) of every scalar in the event file, as TensorBoard's own reader sees them."""
    file = tmp_path / directory / "toy-1234" / "events.out.tfevents.clsfw"
    given = []
    for event in EventFileLoader(str(file)).Load():
        given += [(event.step, value.tag, pytest.approx(value.tensor.float_val[0])) for value in event.summary.value]
    return given


def test_steps_and_evaluations_become_scalars(open_run, tmp_path):
    with open_run() as run:
        run.log(20, {"loss": 0.5, "learning_rate": 1e-5})
        run.notify("on_evaluate", split="validation", scores={"step": 20.0, "f1": 0.75})

    assert [
        (20, "train/loss", 0.5),
        (20, "train/learning_rate", 1e-5),
        (20, "validation/f1", 0.75),
    ] == read(tmp_path)


def test_a_final_evaluation_stands_at_the_last_step(open_run, tmp_path):
    with open_run() as run:
        run.log(20, {"loss": 0.5})
        run.log(40, {"loss": 0.25})
        run.notify("on_evaluate", split="test", scores={"accuracy": 0.5})

    assert (40, "test/accuracy", 0.5) == read(tmp_path)[-1]


def test_a_continued_run_shows_each_step_once(open_run, tmp_path):
    with open_run() as run:
        run.log(20, {"loss": 0.5})
        run.store.checkpoints.commit(20, lambda folder: (folder / "state").write_text("x"))
        run.log(40, {"loss": 0.4})  # lost: it is past the checkpoint
    with open_run() as run:
        run.log(40, {"loss": 0.3})

    assert [(20, "train/loss", 0.5), (40, "train/loss", 0.3)] == read(tmp_path)


def test_a_label_may_hold_any_line_end(open_run, tmp_path):
    with open_run() as run:
        run.log(20, {"f1_a\x85b": 0.5})
        run.log(40, {"f1_a\x85b": 0.25})

    assert [(20, "train/f1_a\x85b", 0.5), (40, "train/f1_a\x85b", 0.25)] == read(tmp_path)


def test_nothing_is_written_into_the_run_directory(open_run):
    with open_run() as run:
        run.log(20, {"loss": 0.5})
        found = sorted(path.name for path in run.store.path.iterdir())

    assert ["history.jsonl", "lock", "run.json"] == found


def test_a_missing_package_says_what_to_install(open_run, monkeypatch):
    monkeypatch.delitem(sys.modules, "clsfw_tensorboard.events", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)

    with pytest.raises(HostError, match=r'pip install "clsfw\[tensorboard\]"'), open_run():
        pytest.fail("the run began")


def test_a_place_that_cannot_be_written_is_named(open_run, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "tensorboard").write_text("a file stands here")

    with pytest.raises(HostError, match=r"watcher 'tensorboard' cannot write .*toy-1234"), open_run() as run:
        run.log(20, {"loss": 0.5})


def test_a_recipe_that_names_the_watcher_gets_its_events(tmp_path):
    overrides = {"model.use": "tfidf", "trainer.use": "sklearn-fit", "watchers": [{"use": "tensorboard"}]}
    run = clsfw.run("quickstart", overrides=overrides, out=tmp_path / "runs" / "toy-1234")

    tags = [tag for _, tag, _ in read(tmp_path)]
    assert "train/loss" == tags[0]
    assert ["validation/loss", "validation/precision"] == tags[1:3]
    assert (1, "test/accuracy", run.metrics["test"]["accuracy"]) == read(tmp_path)[-1]


def test_the_folder_can_be_chosen(open_run, tmp_path):
    with open_run(directory=str(tmp_path / "events")) as run:
        run.log(20, {"loss": 0.5})

    assert [(20, "train/loss", 0.5)] == read(tmp_path, "events")
    assert not (tmp_path / "runs" / "tensorboard").exists()
