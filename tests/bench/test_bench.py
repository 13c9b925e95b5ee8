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

import numpy as np
import pytest
from support.runs import write_run

from clsfw.cli import build_parser
from clsfw.contract.parts import Labels
from clsfw.discovery.plugins import discover
from clsfw.recipe.plan import make_plan
from clsfw.report.display import Quiet
from clsfw_hf_encoders import BertSizes, HfEncoder
from clsfw_hf_encoders.model import HfModel

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


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny encoder."""
    folder = tmp_path_factory.mktemp("tiny")
    sizes = BertSizes(vocab_size=200, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    settings = HfEncoder(scratch=sizes, max_length=32)
    HfModel(settings).create(Labels(("a", "b")), ["a fine film", "a dull plot"], 0, Quiet()).save(folder)
    return folder


class TestFamilies:
    """Each arm computes what its name says, here on a few short texts and models of two layers."""

    @pytest.fixture
    def measured(self, checkpoint: Path, tmp_path: Path) -> Any:
        """Give a way to measure an arm of a family."""
        rows = [f"a fine film {'and a dull plot ' * (number % 5)},positive" for number in range(32)]
        (tmp_path / "reviews.csv").write_text("review,sentiment\n" + "\n".join(rows) + "\n")
        families = import_module("families")
        line = f"--data {tmp_path / 'reviews.csv'} --checkpoint {checkpoint} --output {tmp_path / 'out.json'}"
        sizes = "--size tiny --batch 4 --steps 1 --pool 32 --texts 32 --max-length 32 --precision fp32"
        options = families.arguments([*line.split(), *sizes.split()])
        return lambda family, arm: families.measured(family, arm, options)

    @pytest.mark.parametrize(
        ("family", "arm"),
        [("bert", "packed"), ("bert", "padded"), ("bert", "trainer"), ("llama", "packed"), ("deberta-v2", "padded")],
    )
    def test_an_arm_takes_its_steps(self, measured: Any, family: str, arm: str) -> None:
        result = measured(family, arm)

        assert [step["texts"] for step in result["steps"]] == [4, 4]
        assert (result["texts"], result["tokens"]) == (4, result["steps"][1]["tokens"])
        assert result["processor_seconds"] > 0

    def test_both_ways_to_embed_take_the_same_texts(self, measured: Any) -> None:
        pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

        ours, theirs = measured("minilm", "embed"), measured("minilm", "encode")

        assert (ours["texts"], ours["tokens"]) == (theirs["texts"], theirs["tokens"])

    def test_the_table_compares_with_trainer(self) -> None:
        families = import_module("families")
        common = {"texts": 8, "tokens": 800, "peak_memory_bytes": 2**30, "family": "bert"}
        runs = [
            {**common, "arm": "packed", "processor_seconds": 1.0},
            {**common, "arm": "trainer", "processor_seconds": 4.0},
            {"family": "bert", "arm": "padded", "failed": "exit code 1"},
        ]

        lines = families.table(runs).splitlines()

        assert [line.split() for line in lines[1:3]] == [
            ["bert", "packed", "800", "8.00", "1.0Gi", "4.00x"],
            ["bert", "trainer", "200", "2.00", "1.0Gi", "1.00x"],
        ]
        assert lines[3] == "bert: padded: failed: exit code 1"


@pytest.mark.thorough
def test_steps_of_three_arms_take_turns(checkpoint: Path, root: Path, tmp_path: Path) -> None:
    rows = [f"a fine film {'and a dull plot ' * (number % 5)},positive" for number in range(32)]
    (tmp_path / "reviews.csv").write_text("review,sentiment\n" + "\n".join(rows) + "\n")
    line = f"--data {tmp_path / 'reviews.csv'} --checkpoint {checkpoint} --output {tmp_path / 'out.json'}"
    sizes = "--family bert --size tiny --batch 8 --turns 1 --rows 32 --max-length 32 --precision fp32"
    arms = f"--arms now before trainer --before {root}"

    done = subprocess.run(
        [sys.executable, str(root / "tests/bench/steps.py"), *line.split(), *sizes.split(), *arms.split()],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    turns = json.loads((tmp_path / "out.json").read_text())["turns"]
    assert [turn["arm"] for turn in turns] == ["trainer", "before", "now", "now", "before", "trainer"]
    tokens = {turn["arm"]: sum(step["tokens"] for step in turn["steps"]) for turn in turns[3:]}
    assert tokens["now"] == tokens["before"]
    assert sum(sum(step["tokens"] for step in turn["steps"]) for turn in turns if turn["arm"] == "trainer") == sum(
        sum(step["tokens"] for step in turn["steps"]) for turn in turns if turn["arm"] == "now"
    )  # two turns of two steps of 8 texts are all 32
    assert [line.split()[0] for line in done.stdout.splitlines()[-3:]] == ["now", "before", "trainer"]


def test_commands_whose_growth_is_measured_are_what_clsfw_takes(tmp_path: Path) -> None:
    growth, commands = import_module("growth"), import_module("commands")
    file, run, out = tmp_path / "1.csv", tmp_path / "run", tmp_path / "out"
    lines = [growth.command(arm, file, run, growth.TFIDF, out)[3:] for arm in growth.ARMS]
    timed = commands.commands(tmp_path / "reviews.csv", tmp_path)
    lines += [line[2:] for line in timed.values() if line[:2] == ["-m", "clsfw"]]

    for line in lines:
        build_parser().parse_args(line)
    recipes = [(line[1], [v for flag, v in itertools.pairwise(line) if flag == "--set"]) for line in lines]
    plans = [make_plan(recipe, sets, discover()) for recipe, sets in recipes if recipe != str(run)]
    assert {"sklearn-fit", "gpu-trainer"} == {plan.trainer.component.name for plan in plans}


def test_the_report_of_a_finished_run_is_timed(root: Path, tmp_path: Path) -> None:
    commands = import_module("commands")
    gold = np.array([0, 1, 0, 1])
    bins = [{"low": 0.8, "high": 1.0, "rows": 4, "confidence": 0.9, "accuracy": 1.0}]
    calibration = {"test": {"ece": 0.1, "log_loss": 0.1, "brier": 0.1, "bins": bins}}
    run = write_run(tmp_path / "run", gold, gold, names=("bad", "good"), metrics={"calibration": calibration})
    line = commands.commands(tmp_path / "reviews.csv", tmp_path)["report"]

    assert {"seconds", "cpu_seconds"} == commands.timed(line, root, tmp_path / "out.json", run).keys()
