"""Threads that wait go to sleep, in a script as with the command: set before anything imports torch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clsfw_torch.openmp import let_waiting_threads_sleep

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
import os, sys

class Watch:
    def find_spec(self, name, path, target=None):
        if name == "torch":
            print("torch is imported with", os.environ.get("GOMP_SPINCOUNT"))

sys.meta_path.insert(0, Watch())
import clsfw
clsfw.run("quickstart", overrides={"trainer.max_steps": 1, "trainer.use": sys.argv[1]}, out="run")
"""


@pytest.mark.thorough
@pytest.mark.parametrize("trainer", ["gpu-trainer", "hf-trainer"])
def test_a_script_has_it_before_torch_is_imported(trainer: str, tmp_path: Path) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GOMP_", "OMP_WAIT"))}

    done = subprocess.run(
        [sys.executable, "-c", CODE, trainer], capture_output=True, text=True, check=True, cwd=tmp_path, env=env
    )

    assert "torch is imported with 10000" == done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("environment", "expected"), [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "active"}, None)]
)
def test_the_users_own_choice_stands(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    let_waiting_threads_sleep()

    assert os.environ.get("GOMP_SPINCOUNT") == expected
