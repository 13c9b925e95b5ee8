"""The benchmarks start: their checks hold on this machine, and their commands are such as the programs take."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from typing import TYPE_CHECKING, Any

import pytest

from clsfw.plugin.discovery import discover
from clsfw.recipe.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path


def script(root: Path, name: str) -> Any:
    """Load a script of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, root / "tests" / "bench" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_all_checks_hold_on_the_cpu(root: Path) -> None:
    outcomes = script(root, "correctness").check_all()

    assert [f"{name}: {outcome['detail']}" for name, outcome in outcomes.items() if not outcome["ok"]] == []


@pytest.mark.parametrize("arm", ["hf-trainer", "hf-trainer-bf16", "gpu-trainer", "gpu-trainer-fp32"])
def test_recipe_arms_are_valid_plans(arm: str, root: Path, tmp_path: Path) -> None:
    measure = script(root, "measure")
    job = measure.Job(str(tmp_path / "reviews.csv"), str(tmp_path))

    line = measure.command(arm, job, tmp_path)

    sets = [value for flag, value in itertools.pairwise(line) if flag == "--set"]
    plan = make_plan(line[2], sets, discover())
    assert plan.trainer.component.name == ("hf-trainer" if arm.startswith("hf") else "gpu-trainer")


def test_notebook_arms_are_what_the_script_takes(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, notebook = script(root, "measure"), script(root, "notebook")
    line = measure.command("notebook-bf16", measure.Job("reviews.csv", "model", batch=16), tmp_path)
    monkeypatch.setattr(sys, "argv", line[1:])

    options = notebook.arguments()

    assert (options.batch, options.bf16, options.steps) == (16, True, 250)
