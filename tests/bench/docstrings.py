"""Writes a real many-class set that every Python brings along: docstrings of its standard library, by package.

A text is what a function, class or method says of itself, its own name removed, since it would give the module away;
the label is the module or package that it stands in. Classes with fewer than `--least` texts are left out, and of a
class that has more than `--most`, so many are drawn.

    python tests/bench/docstrings.py docstrings.csv
"""

from __future__ import annotations

import argparse
import ast
import csv
import random
import re
import sys
import sysconfig
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_LIBRARY = {"site-packages", "test", "tests", "idlelib", "lib2to3", "__pycache__", "ensurepip"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--least", type=int, default=25)
    parser.add_argument("--most", type=int, default=200)
    options = parser.parse_args()
    texts: dict[str, dict[str, None]] = defaultdict(dict)  # in order, each once
    for label, text in docstrings(Path(sysconfig.get_path("stdlib"))):
        texts[label][text] = None
    seen: dict[str, int] = defaultdict(int)
    for of_class in texts.values():
        for text in of_class:
            seen[text] += 1
    drawn = random.Random(0)
    rows = []
    for label, of_class in sorted(texts.items()):
        own = [text for text in of_class if seen[text] == 1]  # what several modules say tells nothing of any
        if len(own) >= options.least:
            rows += [(text, label) for text in drawn.sample(own, min(options.most, len(own)))]
    drawn.shuffle(rows)
    with options.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    classes = len({label for _, label in rows})
    print(f"{len(rows)} docstrings of {classes} modules of Python {sys.version.split()[0]} in {options.output}")


def docstrings(library: Path) -> Iterator[tuple[str, str]]:
    """Return the module and the words of each docstring with at least five words."""
    for file in sorted(library.rglob("*.py")):
        path = file.relative_to(library)
        if NOT_LIBRARY & set(path.parts):
            continue
        label = path.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                said = " ".join((ast.get_docstring(node) or "").split())
                said = re.sub(rf"\b({re.escape(label)}|{re.escape(node.name)})\b", "it", said)
                if len(said.split()) >= 5:  # fewer say nothing
                    yield label, said


if __name__ == "__main__":
    main()
