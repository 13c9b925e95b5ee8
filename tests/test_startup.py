"""The command where libraries are missing, each hidden from the import system."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from clsfw.inference.run import FinishedRun

HIDE = """
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec


def hiding(cls, name, path=None, target=None):
    return None if name.partition(".")[0] == {name!r} else find_spec(name, path, target)


PathFinder.find_spec = classmethod(hiding)
"""


def without(name: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(HIDE.format(name=name), encoding="utf-8")
    command = [sys.executable, "-m", "clsfw", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.mark.parametrize("name", ["pydantic", "pluggy"])
def test_without_what_all_stands_on_there_is_one_line(name: str, tmp_path: Path) -> None:
    done = without(name, tmp_path, "--help")

    assert 6 == done.returncode
    assert [f"clsfw: error: not installed: {name}; `pip install {name}`, or install clsfw again"] == (
        done.stderr.splitlines()
    )


def test_without_torch_a_run_says_what_to_install(tmp_path: Path) -> None:
    done = without("torch", tmp_path, "run", "quickstart")

    assert 6 == done.returncode
    assert "plugin 'gpu-trainer' (clsfw " in done.stderr
    assert "needs 'torch', which is not installed; `pip install torch`" in done.stderr


def test_without_a_library_the_list_says_what_cannot_run(tmp_path: Path) -> None:
    lines = without("sklearn", tmp_path, "list-plugins").stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("sklearn  "))

    assert lines[start].endswith("  cannot run")
    assert "    reason   not installed: sklearn; pip install scikit-learn" in lines[start:]
    assert any(line.startswith("csv  ") and line.endswith("  ok") for line in lines)


NAMED = """
import sys
from clsfw.cli import main
code = main(sys.argv[2:])
print("imported:", *sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
raise SystemExit(code)
"""

HEAVY = ("torch", "transformers", "datasets", "matplotlib", "sklearn.linear_model", "sklearn.metrics", "peft", "ray")


def imported(*arguments: str, of: tuple[str, ...] = HEAVY) -> set[str]:
    """Return which libraries of those named a command imports."""
    command = [sys.executable, "-c", NAMED, ",".join(of), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_a_prediction_of_the_baseline_imports_what_counts_words_alone(baseline: FinishedRun) -> None:
    assert imported("predict", str(baseline.directory), "a fine film") == set()


@pytest.mark.thorough
def test_a_check_of_the_baseline_imports_nothing_that_fits_or_draws() -> None:
    changed = ("--set", "model.use=tfidf", "--set", "trainer.use=sklearn-fit")

    assert imported("check", "quickstart", *changed) == set()


def test_a_check_of_a_model_from_scratch_computes_nothing() -> None:
    assert imported("check", "quickstart", of=(*HEAVY, "pandas", "sklearn", "scipy")) == set()


@pytest.mark.thorough
def test_a_prediction_of_an_encoder_imports_no_tables_and_no_scores(small_run: Path) -> None:
    unneeded = (*HEAVY[2:], "sklearn", "pandas", "pyarrow")

    assert imported("predict", str(small_run), "a fine film", of=unneeded) == set()
