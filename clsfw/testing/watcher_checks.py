"""The contract of watchers: they look, and change nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from clsfw.engine.handles import TrainerHandle, WatchedHandle
from clsfw.errors import ClsfwError, ContractError
from clsfw.testing.harness import Listener, executing, saved_files
from clsfw.testing.samples import TWO, toy_splits
from clsfw.testing.surroundings import no_network, require_left_alone
from clsfw.testing.toys import ToyModel, ToyTrainer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.discovery.plugins import Plugin

_TIMED = ("lock", "timings.json", "checkpoint.json")
"""Files that tell times, or the hash of one that does."""


def watches_a_run_to_its_end(plugin: Plugin) -> None:
    """A whole small run, well ended and failed, is watched without an error."""
    _watched([plugin])
    _watched([plugin], error=ValueError("a failure that the watcher is told of"))


def leaves_the_run_as_it_was(plugin: Plugin) -> None:
    """The run's files and its result are the same with and without the watcher."""
    if _watched([plugin]) != _watched([]):
        raise ContractError(f"{plugin}: the run ends differently when it is watched; keep files outside run.directory")


def leaves_what_it_is_given_alone(plugin: Plugin) -> None:
    """The values and scores that it is given are as they were."""
    told = _told()
    _watched([plugin], told=told)
    for hook, before in _told().items():
        if told[hook] != before:
            raise ContractError(f"{plugin}: {hook} changes the mapping that it is given; work on a copy")


def works_offline(plugin: Plugin) -> None:
    """It needs no network."""
    with no_network():
        _watched([plugin])


def leaves_surroundings_alone(plugin: Plugin) -> None:
    """Watching changes neither the working directory nor global random numbers."""
    require_left_alone(plugin, lambda: _watched([plugin]))


def _told() -> dict[str, dict[str, float]]:
    return {"on_step": {"loss": 0.5, "learning_rate": 0.1}, "on_evaluate": {"accuracy": 1.0}}


def _watched(
    watchers: Sequence[Plugin], error: Exception | None = None, told: Mapping[str, Mapping[str, float]] | None = None
) -> dict[str, Any]:
    """Train the toy model under watch; give what the run left. `told` are values of the last step and evaluation."""
    told = _told() if told is None else told
    data = toy_splits(TWO)
    with TemporaryDirectory(prefix="clsfw-") as folder:
        directory = Path(folder) / "run"
        classifier = ToyModel().create(TWO, data["train"]["text"], 1, Listener())
        with executing(directory, data, TWO, watchers=watchers) as run:
            try:
                run.notify("on_run_start")
                trainer = ToyTrainer()
                trainer.fit(classifier, data, TrainerHandle(run))
                for watcher in watchers:  # not by `run.notify`, which would give it copies
                    watcher.watch("on_step", run=WatchedHandle(run), step=trainer.steps + 1, values=told["on_step"])
                    watcher.watch("on_evaluate", run=WatchedHandle(run), split="test", scores=told["on_evaluate"])
                run.notify("on_run_end", error=error)
            except ClsfwError as exc:
                raise ContractError(str(exc)) from exc
            facts = {"labels": run.labels, "seed": run.seed, "facts": dict(run.facts), "splits": sorted(run.data)}
        files = {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
        kept = {name: content for name, content in files.items() if Path(name).name not in _TIMED}
    return {**kept, **saved_files(classifier), **facts}


CHECKS = (
    watches_a_run_to_its_end,
    leaves_the_run_as_it_was,
    leaves_what_it_is_given_alone,
    works_offline,
    leaves_surroundings_alone,
)
