"""The notebook runs as it is; `CLSFW_NOTEBOOK=1 pytest tests/docs/test_notebook.py` writes its outputs again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# In a process of its own: the kernel's client warns of what is not ours.
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient

source, target, folder = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
nbformat.write(notebook, target)
"""


@pytest.mark.thorough
def test_the_notebook_runs_and_its_outputs_are_of_the_kinds_that_it_shows(root: Path, tmp_path: Path) -> None:
    path, made = root / "docs" / "notebooks" / "published-notebook.ipynb", tmp_path / "made.ipynb"
    command = [sys.executable, "-c", EXECUTE, str(path), str(made), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr[-3000:]
    assert kinds(path) == kinds(made)
    if os.environ.get("CLSFW_NOTEBOOK"):
        path.write_text(shown(made, str(tmp_path)), encoding="utf-8")


def kinds(path: Path) -> list[list[str]]:
    """Return what each cell of code gives: the kinds of its results; what libraries print is not counted."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        [kind for output in cell["outputs"] for kind in sorted(output.get("data", {}))]
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def shown(path: Path, folder: str) -> str:
    """Return the notebook without the printing of libraries, times, and the folder that it ran in."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["outputs"] = [output for output in cell["outputs"] if output["output_type"] != "stream"]
    return re.sub(re.escape(folder) + "/?", "", json.dumps(notebook, indent=1, ensure_ascii=False)) + "\n"
