"""Every bundled plugin passes the kit, by the road that a stranger's takes."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from support.contract import broken

from clsfw.discovery.plugins import discover
from clsfw.testing import checks

DATA = Path(__file__).parent / "data"
SETTINGS = DATA / "bundled.toml"
SERVED = {"trackers", "ray"}  # their own tests try them, against servers and on a cluster
BUNDLED = sorted(
    plugin.name for plugin in discover().all if plugin.distribution == "clsfw" and plugin.name not in SERVED
)
LONG = {"hf-trainer", "onnx", "openvino"}  # each trains or exports many real models
ALONE = "hf-evaluate"  # its library keeps the first cache of scripts that it sees, for as long as Python runs


@cache
def checks_of(name):
    return checks(name, SETTINGS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.thorough] * (name in LONG)) for name in BUNDLED if name != ALONE],
)
def test_it_keeps_the_contract(name):
    assert [] == broken(checks_of(name))


@pytest.mark.thorough
def test_it_keeps_the_contract_in_a_process_of_its_own(tmp_path):
    env = {
        **os.environ,
        "HF_MODULES_CACHE": str(tmp_path),
        "HF_EVALUATE_CACHE": str(tmp_path),
        "HF_HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "clsfw", "test-plugin", ALONE, "--settings", str(SETTINGS)]
    result = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=False)

    assert (0, "13 checks: 13 passed, 0 failed") == (result.returncode, result.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [name for name in BUNDLED if name != ALONE])
def test_every_component_is_tried_whole(name):
    """None of them may drop out of the test for want of settings to try it with."""
    components = discover().named(name).components
    tried = {str(c.subject) for c in checks_of(name) if c.name in {"works-offline", "every-piece-is-done-once"}}

    assert {f"{kind} {c.name!r}" for kind, found in components.items() for c in found} <= tried
