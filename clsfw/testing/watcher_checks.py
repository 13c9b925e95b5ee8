"""The contract of watchers: they look, and change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from clsfw.engine.handles import TrainerHandle
from clsfw.testing.harness import Listener, executing, saved_files
from clsfw.testing.samples import TWO, toy_splits
from clsfw.testing.surroundings import no_network, require_left_alone
from clsfw.testing.toys import ToyModel, ToyTrainer

if TYPE_CHECKING:
    from clsfw.contract.parts import Watcher
    from clsfw.testing.subject import Subject

from clsfw.errors import ContractError

_TIMED = ("lock", "timings.json", "checkpoint.json")
"""Files with times, or the hash of one that does."""


def watches_a_run_to_its_end(subject: Subject[Watcher]) -> None:
    """A whole small run, well ended and failed, is watched without an error; nothing of it can be written to."""
    _watched(subject)
    _watched(subject, error=ValueError("a failure that the watcher hears of"))


def leaves_the_run_as_it_was(subject: Subject[Watcher]) -> None:
    """The run's files and its result are the same with and without the watcher."""
    if _watched(subject) != _watched(None):
        raise ContractError(f"{subject}: the run ends differently when it is watched; keep files outside run.directory")


def works_offline(subject: Subject[Watcher]) -> None:
    """With the settings to try it with, it needs no network."""
    with no_network():
        _watched(subject)


def leaves_surroundings_alone(subject: Subject[Watcher]) -> None:
    """Watching changes neither the working directory nor global random numbers."""
    require_left_alone(subject, lambda: _watched(subject))


def _watched(subject: Subject[Watcher] | None, error: Exception | None = None) -> dict[str, Any]:
    """Train the toy model under watch; return what the run left."""
    watchers = [] if subject is None else [replace(subject.build(), required=True)]
    data = toy_splits(TWO)
    with TemporaryDirectory(prefix="clsfw-") as folder:
        directory = Path(folder) / "run"
        classifier = ToyModel().create(TWO, data["train"]["text"], 1, Listener())
        with executing(directory, data, TWO, watchers=watchers) as execution:
            execution.notify("on_run_start")
            run = TrainerHandle(execution)
            ToyTrainer().fit(classifier, run.data, run)
            execution.notify("on_evaluate", split="test", scores={"accuracy": 1.0})
            execution.notify("on_run_end", error=error)
        files = {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
        kept = {name: content for name, content in files.items() if Path(name).name not in _TIMED}
    return {**kept, **saved_files(classifier)}


CHECKS = (
    watches_a_run_to_its_end,
    leaves_the_run_as_it_was,
    works_offline,
    leaves_surroundings_alone,
)
