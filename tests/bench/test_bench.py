"""The benchmarks start: their checks hold on this machine, and their commands are such as the programs take."""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from clsfw.discovery.plugins import discover
from clsfw.recipe.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _beside_each_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(root / "tests" / "bench")


@pytest.mark.thorough
def test_all_checks_hold_on_the_cpu(tmp_path: Path) -> None:
    assert import_module("correctness").check_all(tmp_path / "outcomes.json")

    outcomes = json.loads((tmp_path / "outcomes.json").read_text())
    assert [f"{name}: {outcome['detail']}" for name, outcome in outcomes.items() if not outcome["ok"]] == []


@pytest.mark.parametrize("arm", ["hf-trainer", "hf-trainer-bf16", "gpu-trainer", "gpu-trainer-fp32"])
def test_recipe_arms_are_valid_plans(arm: str, tmp_path: Path) -> None:
    measure = import_module("measure")
    job = measure.Job(str(tmp_path / "reviews.csv"), str(tmp_path))

    line = measure.command(arm, job, tmp_path)

    sets = [value for flag, value in itertools.pairwise(line) if flag == "--set"]
    plan = make_plan(line[4], sets, discover())
    assert plan.trainer.component.name == ("hf-trainer" if arm.startswith("hf") else "gpu-trainer")


def test_notebook_arms_are_what_the_script_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, notebook = import_module("measure"), import_module("notebook")
    line = measure.command("notebook-bf16", measure.Job("reviews.csv", "model", batch=16), tmp_path)
    monkeypatch.setattr(sys, "argv", line[1:])

    options = notebook.arguments()

    assert (options.batch, options.bf16, options.strong, options.steps) == (16, True, False, 250)


def test_recipe_arms_start_without_the_command_being_installed_beside_python(tmp_path: Path) -> None:
    measure = import_module("measure")
    line = measure.command("gpu-trainer", measure.Job("reviews.csv", "model"), tmp_path)

    shown = subprocess.run([*line[:4], "--help"], check=True, capture_output=True, text=True, cwd=tmp_path).stdout

    assert shown.startswith("usage: clsfw run")


class TestArms:
    """What goes wrong in an arm is its result."""

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Give a bench of a minute, of which one arm gets a third."""
        gpu = import_module("gpu")
        monkeypatch.setattr(gpu, "STARTED", time.monotonic())
        return gpu.Bench(argparse.Namespace(minutes=1, output=tmp_path / "new" / "out.json"))

    @pytest.mark.parametrize(
        ("program", "failed", "log"),
        [
            ("raise SystemExit('no such layer')", "exit code 1", "no such layer"),
            ("", "FileNotFoundError", "notebook.json"),
        ],
    )
    def test_a_failure_is_told_and_kept(
        self, bench: Any, monkeypatch: pytest.MonkeyPatch, program: str, failed: str, log: str
    ) -> None:
        measure = import_module("measure")
        monkeypatch.setattr(measure, "command", lambda *_: [sys.executable, "-c", program])

        for _ in range(2):
            bench.run("speed", "notebook", measure.Job("reviews.csv", "model"))

        (run,) = json.loads(bench.options.output.read_text())["runs"]
        assert run["failed"].startswith(failed)
        assert log in run["log"]
        assert bench.report["left_out"] == [{"what": "speed notebook", "reason": "failed before"}]
        assert f"notebook: failed: {failed}" in measure.table(bench.part("speed"))

    def test_what_takes_too_long_is_left_out(self, bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        program = "import time; print('step 7', flush=True); time.sleep(60)"
        measure = import_module("measure")
        monkeypatch.setattr(measure, "command", lambda *_: [sys.executable, "-c", program])
        bench.options.minutes = 0.12

        bench.run("speed", "notebook", measure.Job("reviews.csv", "model"))

        report = json.loads(bench.options.output.read_text())
        assert report["runs"] == []
        assert report["left_out"] == [
            {"what": "speed notebook", "reason": "given up after 2 s", "log": "step 7\n"},
        ]


class TestChecks:
    """A check that fails takes no other one with it."""

    def test_a_process_that_lost_its_device_ends_and_the_next_one_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        correctness = import_module("correctness")

        def illegal() -> str:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

        checks = {"wrong": lambda: str(1 // 0), "illegal": illegal, "right": lambda: "fine"}
        monkeypatch.setattr(correctness, "checks", lambda: checks)

        assert not correctness.check_all(tmp_path / "outcomes.json")
        assert correctness.check_all(tmp_path / "outcomes.json")
        outcomes = json.loads((tmp_path / "outcomes.json").read_text())
        assert {name: outcome["ok"] for name, outcome in outcomes.items()} == {
            "wrong": False,
            "illegal": False,
            "right": True,
        }

    def test_a_check_that_ends_its_process_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        correctness = import_module("correctness")
        monkeypatch.setattr(correctness, "checks", lambda: {"deadly": sys.exit})

        with pytest.raises(SystemExit):
            correctness.check_all(tmp_path / "outcomes.json")

        outcome = {"ok": False, "detail": "ended the process that ran it, or took too long"}
        assert json.loads((tmp_path / "outcomes.json").read_text()) == {"deadly": outcome}
