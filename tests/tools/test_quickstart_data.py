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

    assert 5000 == len(set(texts))


def test_the_easy_sentences_that_judge_them_are_not_among_them(root: Path) -> None:
    """Half of them were never looked at while the words were chosen."""
    with (root / "recipes" / "quickstart.csv").open(encoding="utf-8", newline="") as stream:
        texts = "\n".join(row["text"] for row in csv.DictReader(stream)).casefold()
    with (root / "tests" / "tools" / "easy_sentences.csv").open(encoding="utf-8", newline="") as stream:
        easy = [row["text"].casefold().rstrip(".") for row in csv.DictReader(stream)]

    assert [] == [text for text in easy if text in texts]
