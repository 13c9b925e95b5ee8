"""A complete run of a bag of words on forty rows, which takes well under a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import clsfw

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = """\
schema = 1
name = "small"

[data]
use = "csv"
source = "texts.csv"

[split]
method = "in-order"
train = 24
validation = 8
test = 8

[model]
use = "tfidf"

[trainer]
use = "sklearn-fit"

[[metrics]]
use = "macro-metrics"

[evidence]
temperature_scaling = true

[expect]
source = "a paper"
[expect.test]
accuracy = { value = 0.9, tolerance = 0.5 }
"""


def write_small_run(folder: Path) -> Path:
    """Write `texts.csv`, `recipe.toml` and the complete run `run` of it into a folder; give the run."""
    rows = [f"a {'fine' if n % 2 else 'dull'} film number {n},{'pos' if n % 2 else 'neg'}" for n in range(40)]
    (folder / "texts.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    (folder / "recipe.toml").write_text(RECIPE)
    return clsfw.run(folder / "recipe.toml", out=folder / "run", display="none").directory
