"""Plugins that were built against an earlier minor version keep working, through a whole run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import clsfw
from clsfw.discovery.plugins import discover

DATA = Path(__file__).parent / "data"
RECIPE = """
schema = 1
name = "earlier"
seed = 3

[data]
use = "made"

[split]
method = "in-order"
train = 40
validation = 10
test = 10

[model]
use = "letters"

[trainer]
use = "letter-steps"

[[metrics]]
use = "hits"

[[watchers]]
use = "notebook"
prefix = "diary: "
"""


@pytest.fixture(params=["built_for_0_1"])
def earlier(request, monkeypatch):
    """Install a plugin of an earlier version for one test, and give its module."""
    monkeypatch.syspath_prepend(str(DATA / request.param))
    yield lambda: sys.modules["acme_words"]
    sys.modules.pop("acme_words", None)


def test_it_is_found_whole(earlier):
    plugin = discover().named("acme-words")

    assert ("ok", None) == (plugin.state, plugin.reason)
    names = {"data": "made", "model": "letters", "trainer": "letter-steps", "metric": "hits", "watcher": "notebook"}
    assert names == {kind: component.name for kind, found in plugin.components.items() for component in found}


def test_it_carries_a_whole_run(earlier, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    finished = clsfw.run(recipe, out=tmp_path / "run")
    seen = earlier().seen

    assert "complete" == finished.state
    assert 1.0 == finished.metrics["test"]["hits"]
    assert "diary: start earlier 3 ['test', 'train', 'validation'] ('BAD', 'GOOD')" == seen[0]
    assert [f"step {n} ['learning_rate', 'loss']" for n in (1, 2, 3, 4)] == [s for s in seen if s.startswith("step")]
    assert "evaluate validation ['hits', 'loss', 'step']" in seen
    assert "end None" == seen[-1]


def test_what_it_saved_can_be_loaded_again(earlier, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    clsfw.run(recipe, out=tmp_path / "run")
    classifier = clsfw.load(tmp_path / "run")

    assert ["GOOD", "BAD"] == [prediction["label"] for prediction in classifier(["good good", "bad"])]
