"""Complete runs that take a second or two: the baseline on the shipped texts, and one with several labels per text."""

from __future__ import annotations

import csv
import random

import pytest

import clsfw

TOPICS = {"sport": "ball goal team match", "music": "song band chord drum", "a|b": "bread soup salt oven"}

TOPICS_RECIPE = """\
schema = 1
name = "topics"

[data]
use = "csv"
source = "topics.csv"
label_separator = ";"

[split]
method = "in-order"
train = 200
test = 60

[model]
use = "tfidf"

[trainer]
use = "sklearn-fit"
C = 50.0

[[metrics]]
use = "macro-metrics"
"""


@pytest.fixture(scope="session")
def baseline(tmp_path_factory):
    """Give the finished run of tfidf on the quickstart's texts, labels NEGATIVE and POSITIVE."""
    overrides = {"model.use": "tfidf", "trainer.use": "sklearn-fit"}
    return clsfw.run("quickstart", overrides=overrides, out=tmp_path_factory.mktemp("runs") / "baseline")


@pytest.fixture(scope="session")
def topics(tmp_path_factory):
    """Give the finished run of tfidf on texts with none, one or several of three labels."""
    folder = tmp_path_factory.mktemp("topics")
    rng = random.Random(3)
    with (folder / "topics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(260):
            chosen = [name for name in TOPICS if rng.random() < 0.5]
            words = [word for name in chosen for word in rng.choices(TOPICS[name].split(), k=3)] + ["the", "of"]
            writer.writerow([" ".join(words), ";".join(chosen)])
    (folder / "topics.toml").write_text(TOPICS_RECIPE)
    return clsfw.run(folder / "topics.toml", out=folder / "run")
