"""Whole runs on embeddings: several labels per text, and labels for new texts from what was saved."""

from __future__ import annotations

import numpy as np
import pytest
from support.baseline import TOPICS_RECIPE

import clsfw

ROWS = ["a fine film with a great score,up", "a dull plot: poor and slow,down", "fine and dull,up;down", "no heart,"]


@pytest.fixture
def run(checkpoint, tmp_path):
    """Give a finished run with several labels per text."""
    (tmp_path / "topics.csv").write_text("text,label\n" + "\n".join(ROWS * 65) + "\n")
    recipe = TOPICS_RECIPE.replace('use = "tfidf"', f'use = "embed"\ncheckpoint = "{checkpoint()}"')
    (tmp_path / "topics.toml").write_text(recipe.replace("C = 50.0\n", ""))
    return clsfw.run(tmp_path / "topics.toml", out=tmp_path / "run")


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
