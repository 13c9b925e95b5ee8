"""One trained run for all tests of exports: a small DistilBERT that learned which words are kind."""

from __future__ import annotations

import contextlib
import csv
import io
import random

import pytest

import clsfw
from clsfw.cli import main

RECIPE = """
schema = 1
name = "small"
seed = 3

[data]
use = "csv"
source = "data.csv"

[split]
method = "stratified"
train = 400
test = 400

[model]
use = "hf-distilbert"
max_length = 24
[model.scratch]
vocab_size = 150
dim = 32
n_layers = 1
n_heads = 2
hidden_dim = 64

[trainer]
use = "gpu-trainer"
precision = "fp32"
learning_rate = 3e-3
num_train_epochs = 6
batch_size = 16

[evidence]
temperature_scaling = false

[[metrics]]
use = "macro-metrics"
"""
KIND, UNKIND = ("fine", "lovely", "great", "superb"), ("dull", "poor", "awful", "weak")
OTHERS = ["the", "film", "actor", "plot", "scene", "was", "and", "very", "story", "music", "camera", "light"]


def write_data(folder):
    dice = random.Random(1)
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(800):
            kind = number % 2
            words = [dice.choice(OTHERS) for _ in range(dice.choice((0, 3, 5, 8, 40)))]
            words[:0] = [dice.choice(KIND if kind else UNKIND) for _ in range(1 + number % 3)]
            rows.writerow([" ".join(words), ("unkind", "kind")[kind]])


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    write_data(folder)
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    finished = clsfw.run(recipe, out=folder / "run")
    assert finished.metrics["test"]["accuracy"] > 0.9
    return finished.directory


@pytest.fixture(scope="session")
def exported(small_run):
    """Export the run to ONNX in full precision; give the artifact, and what the command said."""
    target, said = small_run.with_name("artifact"), io.StringIO()
    with contextlib.redirect_stdout(said):
        assert 0 == main(["export", str(small_run), str(target), "--to", "onnx"])
    return target, said.getvalue()


@pytest.fixture(scope="session")
def artifact(exported):
    """Give the artifact."""
    return exported[0]
