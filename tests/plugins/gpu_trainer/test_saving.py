"""Checkpoints written by a thread while training goes on, as on a GPU: the same files, and no error lost."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest

from clsfw.contract.parts import Labels
from clsfw.errors import HostError, InterruptedRunError
from clsfw_gpu_trainer import loop
from clsfw_gpu_trainer.saving import Saver
from clsfw_gpu_trainer.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = Labels(("no", "yes"))


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def saver(checkpoints: Any, *, keep: int, aside: bool) -> Saver:
        return Saver(checkpoints, keep=keep, aside=True)

    monkeypatch.setattr(loop, "Saver", saver)


OPTIONS = {
    "batch_size": 8, "max_steps": 12, "save_steps": 3, "logging_steps": 1, "eval_steps": 4, "learning_rate": 1e-3,
    "metric_for_best_model": "accuracy", "load_best_model_at_end": True,
}  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "timings.json" and path.suffix != ".lock"
    }


def checkpoints_of(run: Any) -> dict[str, bytes]:
    kept = run.checkpoints.latest()
    return {**files_of(kept.path), "history": (kept.path.parent / "history.jsonl").read_bytes()}


def test_a_thread_writes_the_bytes_that_the_trainer_itself_would(kit: Any, request: pytest.FixtureRequest) -> None:
    splits = {"train": kit.data(61), "validation": kit.data(30, seed=1)}
    expected = checkpoints_of(kit.fit(kit.classifier(dropout=0.1), splits, name="itself", **OPTIONS))
    request.getfixturevalue("aside")

    assert checkpoints_of(kit.fit(kit.classifier(dropout=0.1), splits, name="thread", **OPTIONS)) == expected


@pytest.mark.usefixtures("aside")
def test_history_of_a_checkpoint_ends_at_its_step_although_training_goes_on(kit: Any) -> None:
    splits = {"train": kit.data(61), "validation": kit.data(30, seed=1)}
    with kit.open_run(splits, LABELS) as run:
        commit, lines = run.checkpoints.commit, {}

        def slow(step: int, write: Callable[[Path], None], *, keep: int | None) -> None:
            def later(folder: Path) -> None:
                write(folder)
                threading.Event().wait(0.05)  # several steps are logged meanwhile
                lines[step] = (folder.parent / "history.jsonl").exists()

            commit(step, later, keep=keep)

        run.checkpoints.commit = slow
        kit.trainer(**OPTIONS).fit(kit.classifier(), splits, run)
        for path in run.directory.glob("checkpoints/step-*/history.jsonl"):
            last = path.read_text().splitlines()[-1]
            assert f'"step": {path.parent.name.removeprefix("step-")}' in last
    assert lines == {3: False, 6: False, 9: False, 12: False}


@pytest.mark.usefixtures("aside")
def test_a_stop_leaves_the_last_step_on_the_disk(kit: Any) -> None:
    splits = {"train": kit.data(61), "validation": kit.data(30, seed=1)}
    with contextlib.suppress(InterruptedRunError), kit.open_run(splits, LABELS) as run:
        progress = run.reporter.progress

        def ask(what: str, done: int, total: int | None, unit: str) -> None:
            if (what, done) == ("training", 4):
                os.kill(os.getpid(), signal.SIGINT)
            progress(what, done, total, unit)

        run.reporter.progress = ask
        kit.trainer(**OPTIONS).fit(kit.classifier(), splits, run)
    with kit.open_run(splits, LABELS) as run:
        assert run.checkpoints.latest().step == 5


class Refusing:
    def __init__(self, *, before_write: bool) -> None:
        self.before_write = before_write

    def commit(self, step: int, write: Callable[[Path], None], *, keep: int | None) -> None:
        if not self.before_write:
            write(None)  # type: ignore[arg-type]
        raise HostError("no space left")


@pytest.mark.parametrize("before_write", [True, False])
def test_what_the_thread_met_is_raised_at_the_next_commit(before_write: bool) -> None:
    saver = Saver(Refusing(before_write=before_write), keep=2, aside=True)
    saver.commit(1, Unwritten({}, {}))

    with pytest.raises(HostError, match="no space left"):
        saver.commit(2, Unwritten({}, {}))


class Unwritten(State):
    def write(self, folder: Path) -> None:
        pass


def test_what_the_thread_met_is_raised_at_the_end() -> None:
    with (
        pytest.raises(HostError, match="no space left"),
        Saver(Refusing(before_write=False), keep=2, aside=True) as saver,
    ):
        saver.commit(1, Unwritten({}, {}))
