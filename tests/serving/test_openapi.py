"""Schemathesis asks the server what its own OpenAPI document allows, and what it forbids."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.serving import serving

pytest.importorskip("schemathesis", reason="needs schemathesis")

COMMAND = "from schemathesis.cli import schemathesis; schemathesis()"


@pytest.mark.parametrize(("token", "examples"), [pytest.param(None, 30, marks=pytest.mark.thorough), ("s3cret", 8)])
def test_it_finds_nothing(words, token, examples, tmp_path):
    with serving(words, token) as served:
        arguments = ["run", f"{served.base}/openapi.json", "--max-examples", str(examples), "--seed", "1", "--no-color"]
        arguments += ["--request-timeout", "60"]  # of a machine under load
        arguments += ["-H", f"Authorization: Bearer {token}"] if token else []
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "No issues found" in done.stdout
