"""A finished run gives its classifier back, and what cannot be proven is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

import clsfw
from clsfw import ModelError, PluginError, RunDirectoryError, UsageError
from clsfw.discovery.parts import BuiltModel
from clsfw.discovery.plugins import Plugins, discover
from clsfw.inference import classifier as loaded
from clsfw.inference.classifier import RecordedParts, load_classifier


@pytest.fixture(scope="module")
def classifier(baseline):
    return clsfw.load(baseline.directory)


@pytest.fixture
def copy(baseline, tmp_path):
    """Give a copy of the run that a test may spoil."""
    return shutil.copytree(baseline.directory, tmp_path / "copy")


def unproven(folder, **changes):
    """Rewrite a run's record as that of a run that did not end."""
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "state": "interrupted", **changes}))


class TestCalling:
    def test_a_text_gets_one_answer(self, classifier):
        answer = classifier("a wonderful film")

        assert ["label", "score", "scores"] == list(answer)
        assert answer["score"] == answer["scores"][answer["label"]]
        assert ["NEGATIVE", "POSITIVE"] == list(answer["scores"])

    def test_a_list_gets_a_list(self, classifier):
        texts = ["a wonderful film", "", "dull"]

        assert [classifier(text) for text in texts] == classifier(texts)

    def test_no_texts_get_no_answers(self, classifier):
        assert [] == classifier([])

    def test_half_a_surrogate_pair_is_no_trouble(self, classifier):
        assert classifier("fine \ud83d") == classifier("fine \N{REPLACEMENT CHARACTER}")

    def test_what_is_no_text_is_named(self, classifier):
        with pytest.raises(UsageError, match="texts must be strings, or dicts with the columns of texts, not float"):
            classifier(["fine", 3.5])

    def test_several_labels_per_text(self, topics):
        classifier = clsfw.load(topics.directory)

        assert ["a|b", "sport"] == classifier("ball goal goal soup oven salt")["labels"]
        assert ["a|b", "music", "sport"] == list(classifier("the of")["scores"])

    def test_the_predictions_are_those_of_the_run(self, baseline, classifier, root):
        import csv

        with (root / "recipes" / "quickstart.csv").open(newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        wanted = baseline.predictions
        given = classifier.predict([texts[row] for row in wanted.rows])

        assert wanted.probabilities.tobytes() == given.probabilities.tobytes()
        assert wanted.tokens.tolist() == given.tokens.tolist()

    def test_a_temperature_and_a_threshold_of_the_run_are_kept(self, root, tmp_path):
        overrides = {
            "model.use": "tfidf",
            "trainer.use": "sklearn-fit",
            "evidence.temperature_scaling": True,
            "evidence.tune_threshold": True,
        }
        run = clsfw.run("quickstart", overrides=overrides, out=tmp_path / "run")
        classifier = clsfw.load(run.directory)
        plain = replace(classifier, decision=type(classifier.decision)())
        text = "the plot was fine"

        assert run.metrics["decision"] == classifier.decision.to_json()
        assert classifier(text)["scores"] != plain(text)["scores"]
        assert np.float32(run.metrics["decision"]["threshold"]) > 0


class TestLoading:
    def test_only_the_plugins_of_model_and_trainer_are_needed(self, copy, monkeypatch):
        plugins = Plugins(tuple(p for p in discover().all if p.name == "sklearn"))
        monkeypatch.setattr(loaded, "discover", lambda: plugins)

        assert load_classifier(copy)("fine")["label"] in {"NEGATIVE", "POSITIVE"}

    def test_the_data_need_not_be_there(self, topics, tmp_path):
        moved = shutil.copytree(topics.directory, tmp_path / "elsewhere")

        assert ["music"] == load_classifier(moved)("song band drum")["labels"]

    def test_a_missing_plugin_is_named_with_its_distribution(self, copy, monkeypatch):
        plugins = Plugins(tuple(p for p in discover().all if p.name != "sklearn"))
        monkeypatch.setattr(loaded, "discover", lambda: plugins)

        with pytest.raises(PluginError, match=r"gives trainer 'sklearn-fit'; the run used clsfw \d.*, so install that"):
            load_classifier(copy)

    def test_a_broken_plugin_is_named_with_its_reason(self, copy, monkeypatch):
        broken = [
            replace(p, state="broken", reason="it fell over") if p.name == "sklearn" else p for p in discover().all
        ]
        monkeypatch.setattr(loaded, "discover", lambda: Plugins(tuple(broken)))

        with pytest.raises(PluginError, match=r"'sklearn-fit' comes from plugin 'sklearn'.*is broken: it fell over"):
            load_classifier(copy)

    def test_options_that_a_plugin_no_longer_takes_are_named(self):
        parts = RecordedParts({}, discover())

        with pytest.raises(
            PluginError, match=r"model 'tfidf' no longer takes the options of this run: gone: Extra inputs"
        ):
            parts.build(BuiltModel, {"use": "tfidf", "gone": 1})

    def test_what_is_no_run_is_refused(self, tmp_path):
        with pytest.raises(RunDirectoryError, match="not a run directory"):
            clsfw.load(tmp_path)

    def test_an_incomplete_run_is_refused_unless_asked(self, copy):
        unproven(copy)

        with pytest.raises(RunDirectoryError, match="not complete: its state is 'interrupted'"):
            load_classifier(copy)
        assert load_classifier(copy, allow_incomplete=True)("fine")

    def test_an_incomplete_run_without_a_model_says_so(self, copy):
        unproven(copy)
        shutil.rmtree(copy / "model")

        with pytest.raises(RunDirectoryError, match="holds no model"):
            load_classifier(copy, allow_incomplete=True)

    def test_a_changed_model_is_refused(self, copy):
        with (copy / "model" / "model.safetensors").open("r+b") as file:
            file.seek(-1, 2)
            file.write(b"\x7f")

        with pytest.raises(RunDirectoryError, match=r"model/model\.safetensors"):
            clsfw.load(copy)

    def test_label_names_that_are_not_the_run_s_are_refused(self, copy):
        about = json.loads((copy / "model" / "clsfw.json").read_text())
        (copy / "model" / "clsfw.json").write_text(json.dumps({**about, "labels": ["POSITIVE", "NEGATIVE"]}))
        unproven(copy)

        with pytest.raises(ModelError, match="are not the run's"):
            load_classifier(copy, allow_incomplete=True)
