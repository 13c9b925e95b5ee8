"""The embedded data is what its generator writes."""

from __future__ import annotations

import csv
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_the_generator_writes_the_shipped_bytes(root: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.csv"
    subprocess.run([sys.executable, root / "tests" / "tools" / "make_quickstart_data.py", made], check=True)

    assert (root / "recipes" / "quickstart.csv").read_bytes() == made.read_bytes()


def test_no_text_stands_twice(root: Path) -> None:
    with (root / "recipes" / "quickstart.csv").open(encoding="utf-8", newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)]

    assert 1000 == len(set(texts))
