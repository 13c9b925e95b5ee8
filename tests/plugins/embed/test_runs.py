"""Whole runs on embeddings: several labels per text, labels for new texts from what was saved, and a stop amid them."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from support.baseline import TOPICS_RECIPE

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.engine.execute import execute
from clsfw.recipe.plan import make_plan
from clsfw.report.display import Quiet

ROWS = ["a fine film with a great score,up", "a dull plot: poor and slow,down", "fine and dull,up;down", "no heart,"]


@pytest.fixture
def recipe(checkpoint, tmp_path):
    """Give the path of a recipe with several labels per text."""
    (tmp_path / "topics.csv").write_text("text,label\n" + "\n".join(ROWS * 65) + "\n")
    text = TOPICS_RECIPE.replace('use = "tfidf"', f'use = "embed"\ncheckpoint = "{checkpoint()}"')
    (tmp_path / "topics.toml").write_text(text.replace("C = 50.0\n", ""))
    return tmp_path / "topics.toml"


@pytest.fixture
def run(recipe, tmp_path):
    """Give a finished run with several labels per text."""
    return clsfw.run(recipe, out=tmp_path / "run")


def test_pairs_of_texts_are_refused_before_training(checkpoint, tmp_path):
    (tmp_path / "topics.csv").write_text("text,reply,label\n" + "a film,no heart,up\na plot,a score,down\n" * 130)
    recipe = TOPICS_RECIPE.replace('use = "tfidf"', f'use = "embed"\ncheckpoint = "{checkpoint()}"')
    (tmp_path / "topics.toml").write_text(recipe.replace("C = 50.0\n", ""))
    pairs = {"data.text_pair_column": "reply"}

    with pytest.raises(clsfw.RecipeError, match=r"topics\.toml:\d+: \[model\].*'embed' does not take pairs of texts"):
        clsfw.run(tmp_path / "topics.toml", out=tmp_path / "run", overrides=pairs)


def test_several_labels_are_learned_and_predicted_again_after_loading(run):
    texts = [row.rpartition(",")[0] for row in ROWS]

    first, again = (clsfw.load(run.directory).predict(texts) for _ in range(2))

    assert run.metrics["test"]["accuracy"] > 0.9
    assert np.array_equal(first.probabilities, again.probabilities)


class Signalling(Quiet):
    """A display that raises a signal when it is first shown that texts are embedded, or predicted."""

    def __init__(self, what, number):
        super().__init__()
        self.what, self.number = what, number
        self.shown = []

    def progress(self, what, done, total, unit):
        if what == self.what:
            self.shown.append((done, total))
            if len(self.shown) == 1:
                signal.raise_signal(self.number)


@pytest.mark.parametrize(("what", "total"), [("embedding", 200), ("predicting", 60)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_amid_its_embeddings_and_the_same_call_ends_it(
    recipe, tmp_path, monkeypatch, what, total, number
):
    monkeypatch.setattr("clsfw_embed.transformer._CPU_TOKENS", 256)
    plan, display = make_plan(recipe, {}, discover()), Signalling(what, number)

    with pytest.raises(clsfw.InterruptedRunError, match="the same command continues this run") as error:
        execute(plan, out=tmp_path / "run", display=display)

    assert error.value.exit_code == 128 + number
    ((done, of),) = display.shown
    assert (of, done < total) == (total, True)
    assert clsfw.run(recipe, out=tmp_path / "run").metrics["test"]["accuracy"] > 0.9
