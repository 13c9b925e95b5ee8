"""The tutorial from the quickstart run to an artifact behind HTTP: its commands, in one shell, in their order."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nncf", reason="needs the extra clsfw[openvino]")
pytest.importorskip("fastapi", reason="needs the extra clsfw[serve]")


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/tutorials/to-production.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def said(page, tmp_path_factory):
    """Run the commands, and give the folder and what each printed; the port is one that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    commands = re.findall(r"^\$ (.*)$", page.replace("8000", port), re.MULTILINE)
    python = re.search(r"```python\n(.*?)```", page.replace("8000", port), re.DOTALL)[1].replace(
        'InferenceClient("http', 'print(InferenceClient("http'
    )
    commands.insert(commands.index("kill %1"), f"{sys.executable} - <<'END'\n{python.rstrip()})\nEND")
    folder = tmp_path_factory.mktemp("production")
    # A server that outlived a command that failed would keep the pipes open, and the test waiting.
    script = "set -em\ntrap 'kill %1 2> /dev/null || true' EXIT\n"
    script += "\n".join(f"echo; echo '=== {i}'\n{command}" for i, command in enumerate(commands)) + "\nwait\n"
    bin_folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
    environment["HF_HUB_OFFLINE"] = "0"  # its client asks this machine
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, cwd=folder, env=environment, timeout=900, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    parts = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    return folder, dict(zip(commands, parts, strict=True))


@pytest.mark.slow
def test_every_command_of_the_page_works_in_its_order(said):
    folder, parts = said
    export = next(text for command, text in parts.items() if "clsfw export" in command)
    answer = next(json.loads(text) for command, text in parts.items() if "/predict" in command)

    assert "ACCEPTED" in export
    assert "ACCEPTED" == json.loads((folder / "reviews-int8/parity.json").read_text(encoding="utf-8"))["verdict"]
    assert "POSITIVE" == answer[0][0]["label"]
    assert "label='POSITIVE'" in next(text for command, text in parts.items() if "InferenceClient" in command)


def test_the_page_names_no_verb_that_is_not_there(page):
    from clsfw.cli import VERBS

    assert set() == set(re.findall(r"^\$ clsfw ([a-z-]+)", page, re.MULTILINE)) - set(VERBS)
