"""The contract of watchers: they look, and change nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from clsfw.errors import ClsfwError, ContractError
from clsfw.testing.harness import Listener, open_run, saved_files
from clsfw.testing.samples import TWO, toy_splits
from clsfw.testing.surroundings import no_network, require_left_alone
from clsfw.testing.toys import ToyModel, ToyTrainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.plugin.discovery import Plugin


def watches_a_run_to_its_end(plugin: Plugin) -> None:
    """A whole small run, well ended and failed, is watched without an error."""
    _watched([plugin])
    _watched([plugin], error=ValueError("a failure that the watcher is told of"))


def leaves_the_run_as_it_was(plugin: Plugin) -> None:
    """The run's files and its result are the same with and without the watcher."""
    if _watched([plugin]) != _watched([]):
        raise ContractError(f"{plugin}: the run ends differently when it is watched; keep files outside run.directory")


def works_offline(plugin: Plugin) -> None:
    """It needs no network."""
    with no_network():
        _watched([plugin])


def leaves_surroundings_alone(plugin: Plugin) -> None:
    """Watching changes neither the working directory nor global random numbers."""
    require_left_alone(plugin, lambda: _watched([plugin]))


def _watched(watchers: Sequence[Plugin], error: Exception | None = None) -> dict[str, Any]:
    """Train the toy model under watch; give what the run left."""
    data = toy_splits(TWO)
    with TemporaryDirectory(prefix="clsfw-") as folder:
        directory = Path(folder) / "run"
        classifier = ToyModel().create(TWO, data["train"]["text"], 1, Listener())
        with open_run(directory, data, TWO, watchers=watchers) as run:
            try:
                run.notify("on_run_start")
                ToyTrainer().fit(classifier, data, run)
                run.notify("on_evaluate", split="test", scores={"accuracy": 1.0})
                run.notify("on_run_end", error=error)
            except ClsfwError as exc:
                raise ContractError(str(exc)) from exc
            facts = {"labels": run.labels, "seed": run.seed, "facts": dict(run.facts), "splits": sorted(run.data)}
        files = {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
        # The lock names the process and the time.
        kept = {name: content for name, content in files.items() if "lock" not in name}
    return {**kept, **saved_files(classifier), **facts}


CHECKS = (watches_a_run_to_its_end, leaves_the_run_as_it_was, works_offline, leaves_surroundings_alone)
