"""How a run ends: what watchers are told of it, and when the other processes have nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.small import write_small_run

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.engine.assist import assist
from clsfw.recipe.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WATCHED = """
import os

import clsfw
from clsfw.testing import ToyTrainer


class Notes(clsfw.Watcher):
    def on_run_end(self, run, error):
        with open(os.environ["NOTES"], "a") as file:
            print(f"{run.name}: {error!r}", file=file)


class Fails(ToyTrainer):
    def fit(self, model, data, run):
        raise clsfw.TrainingError("the loss is not finite")


@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="notes", summary="notes", settings=clsfw.Settings, build=lambda _: Notes())]


@clsfw.hookimpl
def register_trainers():
    return [clsfw.Component(name="fails", summary="fails", settings=clsfw.Settings, build=lambda _: Fails())]
"""


def test_watchers_are_told_the_error_that_ended_a_run(
    toy: Callable[..., Path], install: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("watched", WATCHED)
    monkeypatch.setenv("NOTES", str(tmp_path / "notes.txt"))
    recipe = toy()
    text = recipe.read_text()
    old = text[text.index("[trainer]") : text.index("[[metrics]]")]
    recipe.write_text(text.replace(old, '[trainer]\nuse = "fails"\n\n') + '\n[[watchers]]\nuse = "notes"\n')

    with pytest.raises(clsfw.TrainingError):
        clsfw.run(recipe, out=tmp_path / "run", display="none")

    assert "mistake: TrainingError('the loss is not finite')\n" == (tmp_path / "notes.txt").read_text()


def test_another_process_has_nothing_to_do_where_the_run_is_complete(tmp_path: Path) -> None:
    run = write_small_run(tmp_path)
    plan = make_plan(tmp_path / "recipe.toml", {}, discover())

    assist(plan, out=run)

    for out, fresh in ((run, True), (tmp_path / "absent", False)):
        with pytest.raises(clsfw.UsageError, match="trainer 'sklearn-fit' trains in one process"):
            assist(plan, out=out, fresh=fresh)
