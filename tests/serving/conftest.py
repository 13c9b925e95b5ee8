"""Two runs of TF-IDF, one with temperature and threshold and one with several labels per text, and their servers."""

from __future__ import annotations

import csv
import random

import pytest

import clsfw

pytest.importorskip("fastapi", reason="needs the extra clsfw[serve]")

from support.serving import serving

RECIPE = """
schema = 1
name = "words"

[data]
use = "csv"
source = "data.csv"
{data}
[split]
{split}

[model]
use = "tfidf"

[trainer]
use = "sklearn-fit"
{evidence}
[[metrics]]
use = "macro-metrics"
"""
KIND, UNKIND = ("fine", "lovely", "great", "superb"), ("dull", "poor", "awful", "weak")
OTHERS = ("the", "film", "actor", "plot", "scene", "was", "and", "very", "story", "music")
STRATIFIED = 'method = "stratified"\ntrain = 240\nvalidation = 160\ntest = 200'


def _run(folder, rows, *, data="", split=STRATIFIED, evidence=""):
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(data=data, split=split, evidence=evidence), encoding="utf-8")
    return clsfw.run(recipe, out=folder / "run", display="none").directory


@pytest.fixture(scope="session")
def word_run(tmp_path_factory):
    dice = random.Random(2)
    rows = []
    for number in range(600):
        kind = dice.random() < 0.8
        words = [dice.choice(OTHERS) for _ in range(6)]
        words += [dice.choice(KIND if kind == (dice.random() < 0.75) else UNKIND) for _ in range(2)]
        rows.append((f"{' '.join(words)} {number}", ("unkind", "kind")[kind]))
    evidence = "[evidence]\ntemperature_scaling = true\ntune_threshold = true\n"
    return _run(tmp_path_factory.mktemp("words"), rows, evidence=evidence)


@pytest.fixture(scope="session")
def several_run(tmp_path_factory):
    dice = random.Random(3)
    rows = []
    for number in range(600):
        given = [name for name in ("fine", "dull", "music") if dice.random() < 0.4]
        rows.append((f"{' '.join([*given, *dice.sample(OTHERS[:8], 3)])} {number}", "|".join(given)))
    data = 'label_separator = "|"\n'
    split = 'method = "random"\ntrain = 240\nvalidation = 160\ntest = 200'
    return _run(tmp_path_factory.mktemp("several"), rows, data=data, split=split)


@pytest.fixture(scope="session")
def words(word_run):
    return clsfw.load(word_run)


@pytest.fixture(scope="module")  # or tests of other rooms would run beside its threads
def server(words):
    with serving(words) as served:
        yield served
