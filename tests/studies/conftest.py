"""A study of the toy recipe: its runs take milliseconds, and another seed gives another score."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from support.stepping import HALVED, STEPPING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def noisy_texts(rows: int) -> str:
    """Write texts that no model gets all right: each has words of both labels."""
    rng = random.Random(5)
    words = {"pos": ["fine", "warm", "great"], "neg": ["dull", "cold", "poor"]}
    lines = ["text,label"]
    for number in range(rows):
        label, other = ("pos", "neg") if number % 2 else ("neg", "pos")
        said = [*rng.choices(words[label], k=3), *rng.choices(words[other], k=2)]
        rng.shuffle(said)
        lines.append(f"{' '.join(said)} {number},{label}")
    return "\n".join(lines) + "\n"


TEXTS = noisy_texts(100)


@pytest.fixture(autouse=True)
def _no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plots of the reports out: they take most of its time, and have tests of their own."""
    monkeypatch.setattr("clsfw.engine.finish.render_report", lambda *_: "<p>a report</p>")
    monkeypatch.setattr("clsfw.studies.execute.render_study", lambda *_: "<p>a report</p>")


@pytest.fixture
def study(toy) -> Callable[..., Path]:
    """Give a function that writes the toy recipe with the given tables at its end."""

    def write(*tables: str, split: str = 'method = "stratified"\ntrain = 40\nvalidation = 30\ntest = 30') -> Path:
        old = 'method = "in-order"\ntrain = 12\nvalidation = 4\ntest = 4'
        file = toy((old, split), texts=TEXTS)
        file.write_text("\n".join([file.read_text(), *tables]))
        return file

    return write


@pytest.fixture
def halved(study, install, tmp_path, monkeypatch) -> Callable[..., Path]:
    """Give a function that writes a recipe whose trainer takes 16 steps and evaluates after every fourth."""
    install("stepper", STEPPING)
    monkeypatch.setenv("STEPS", str(tmp_path / "steps.txt"))

    def write(*tables: str) -> Path:
        recipe = study(*(tables or (HALVED,)))
        text = recipe.read_text()
        old = text[text.index("[trainer]") : text.index("[[metrics]]")]
        recipe.write_text(text.replace(old, '[trainer]\nuse = "stepping"\n\n'))
        return recipe

    return write
