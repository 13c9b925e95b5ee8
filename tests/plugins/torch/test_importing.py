"""The settings of both trainers are known before torch is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("plugin", ["clsfw_gpu_trainer", "clsfw_hf_trainer"])
def test_settings_are_known_without_importing_torch(plugin: str) -> None:
    code = f"import sys, {plugin} as p; p.register_trainers(); print({{'torch', 'numpy'}} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
