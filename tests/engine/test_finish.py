from __future__ import annotations

import json
import signal

import pytest

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.engine.execute import execute
from clsfw.errors import InterruptedRunError
from clsfw.recipe.plan import make_plan
from clsfw.report.display import Quiet

RECIPE = """
schema = 1
name = "tiny"

[data]
use = "csv"
source = "reviews.csv"

[split]
method = "in-order"
train = 40
validation = 10
test = 30

[model]
use = "tfidf"

[trainer]
use = "sklearn-fit"

[[metrics]]
use = "macro-metrics"

[expect.validation]
accuracy = { value = 1.0, tolerance = 0.01 }
"""


@pytest.fixture
def recipe(tmp_path):
    kinds = ("dull tired film number {},negative", "fine lovely film number {},positive")
    lines = ["text,label", *(kinds[i % 2].format(i) for i in range(80))]
    (tmp_path / "reviews.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path / "tiny.toml"


@pytest.fixture
def finished(recipe, tmp_path):
    return clsfw.run(recipe, out=tmp_path / "run")


@pytest.mark.parametrize(("option", "kept"), [("temperature_scaling", "temperature"), ("tune_threshold", "threshold")])
def test_each_decision_on_validation_is_made_without_the_other(option, kept, recipe, tmp_path):
    run = clsfw.run(recipe, out=tmp_path / "run", overrides={f"evidence.{option}": True})

    assert [kept] == [name for name, value in run.metrics["decision"].items() if value is not None]


def test_a_signal_ends_the_prediction_of_the_test_split_and_the_same_command_completes_the_run(
    recipe, tmp_path, monkeypatch
):
    class Stopping(Quiet):
        def progress(self, what, done, total, unit):
            if what == "predicting":
                signal.raise_signal(signal.SIGTERM)
                self.told = done

    monkeypatch.setattr("clsfw_sklearn.fit.chunks", lambda texts: [texts[:8], texts[8:]])
    plan, display = make_plan(str(recipe), {}, discover()), Stopping()

    with pytest.raises(InterruptedRunError):
        execute(plan, out=tmp_path / "run", display=display)

    assert display.told == 8  # of 30 rows
    assert not (tmp_path / "run" / "predictions.csv").exists()
    assert execute(plan, out=tmp_path / "run").predictions.rows.tolist() == list(range(50, 80))


def test_a_run_says_what_it_does_while_it_does_it(recipe, tmp_path):
    stages = []

    class Telling(Quiet):
        def stage(self, what):
            stages.append(what)

    execute(make_plan(str(recipe), {}, discover()), out=tmp_path / "run", display=Telling())

    assert stages == [
        "loading libraries", "reading the data", "building the model", "training", "saving the model",
        "predicting test", "predicting validation", "weighing the evidence",
    ]  # fmt: skip


def test_a_split_that_something_is_expected_of_is_judged_too(finished):
    assert finished.verdict["status"] == "REPRODUCED"
    assert finished.metrics["validation"]["accuracy"] == 1.0
    assert "validation" in finished.metrics["intervals"]


def test_the_predictions_are_those_of_the_test_split_all_the_same(finished):
    assert finished.predictions.rows.tolist() == list(range(50, 80))


def test_the_model_s_folder_has_a_card_of_its_own_that_is_proven(baseline):
    card = (baseline.directory / "model" / "README.md").read_text(encoding="utf-8")

    assert card.startswith("---\nlibrary_name: clsfw\n")
    manifest = json.loads((baseline.directory / "manifest.json").read_text(encoding="utf-8"))
    assert "model/README.md" in manifest["files"]
