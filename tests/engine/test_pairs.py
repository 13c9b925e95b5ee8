"""Pairs of texts from the source to the report, with each trainer, and in all that uses the finished run."""

from __future__ import annotations

import html
import json

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value

import clsfw
from clsfw import DataError, RecipeError, UsageError
from clsfw.cli import main
from clsfw.engine.splits import make_splits
from clsfw.evidence.leakage import find_side_leaks, hash_texts
from clsfw.kit import texts_of
from clsfw.kit.data import labels_of
from clsfw.kit.pairs import Pairs, fingerprint
from clsfw.recipe.schema import Split
from clsfw.report.summary import next_command

RECIPE = """
schema = 1
name = "pairs"
seed = 1

[data]
use = "csv"
source = "pairs.csv"
text_column = "premise"
text_pair_column = "hypothesis"

[split]
method = "stratified"
train = 0.5
validation = 0.25
test = 0.25

[model]
{model}

[trainer]
{trainer}

[[metrics]]
use = "macro-metrics"
"""
SIZES = "vocab_size = 120\nhidden_size = 16\nnum_hidden_layers = 1\nnum_attention_heads = 2\nintermediate_size = 32"
ENCODER = f'use = "hf-encoder"\nmax_length = 14\n[model.scratch]\n{SIZES}'
KINDS = {
    "tfidf": ('use = "tfidf"', 'use = "sklearn-fit"\nC = 1.0'),
    "gpu-trainer": (ENCODER, 'use = "gpu-trainer"\nmax_steps = 2\nbatch_size = 4'),
    "hf-trainer": (ENCODER, 'use = "hf-trainer"\nmax_steps = 2\nbatch_size = 4'),
}


def lines():
    for i in range(24):
        said = "a cat sat" if i % 2 else "a dog ran far away"
        yield f"the cat number {i} sat on the mat,{said}{' today' * (i % 7)},{'yes' if i % 2 else 'no'}"


def write(folder, kind, content=None):
    model, trainer = KINDS[kind]
    (folder / "pairs.csv").write_text("\n".join(["premise,hypothesis,label", *(content or lines())]) + "\n")
    (folder / "recipe.toml").write_text(RECIPE.format(model=model, trainer=trainer))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give a way to get the run of a trainer, made when it is first asked for."""
    made = {}

    def run(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = clsfw.run(write(folder, kind), out=folder / "run")
        return made[kind]

    return run


class TestRuns:
    def test_tfidf_tells_the_sides_apart(self, runs):
        classifier = clsfw.load(runs("tfidf").directory)

        assert "yes" == classifier(("a cat", "a cat sat"))["label"]
        assert classifier(("a cat sat", "far away")) != classifier(("far away", "a cat sat"))

    @pytest.mark.parametrize("kind", ["gpu-trainer", "hf-trainer"])
    def test_the_loss_of_each_side_is_told(self, runs, kind):
        told = runs(kind).metrics["truncation"]["test"]["sides"]

        assert {"text", "text_pair"} == set(told)
        assert told["text"]["truncated"] == 6

    def test_both_trainers_see_the_same(self, runs):
        first, second = (runs(kind).predictions.probabilities for kind in ("gpu-trainer", "hf-trainer"))

        np.testing.assert_allclose(first, second, atol=2e-4)

    def test_each_side_is_a_slice_of_its_own(self, runs):
        assert {"truncated text", "truncated text_pair"} <= set(runs("gpu-trainer").metrics["slices"]["test"])

    def test_leaks_of_each_side_are_counted(self, runs):
        leaks = runs("tfidf").metrics["leaks"]

        assert 0 == leaks["train_test"]["folded"]
        assert 0 == leaks["sides"]["text"]["train_test"]["folded"]
        assert 0 < leaks["sides"]["text_pair"]["train_test"]["folded"]

    def test_the_report_shows_both_columns_and_both_texts(self, runs):
        run = runs("gpu-trainer")
        page = html.unescape((run.directory / "report.html").read_text())

        assert "'premise', paired with 'hypothesis'" in page
        assert "tokens lost, the mean of those" in page
        assert "of 6 test pairs are right" in page
        assert "By truncated" not in page
        assert 2 * len(run.metrics["mistakes"]["test"]) == page.count('<span class="text">')

    def test_the_cards_call_the_model_with_pairs(self, runs):
        own, transformers = ((runs(kind).directory / "README.md").read_text() for kind in ("tfidf", "gpu-trainer"))

        assert 'print(clsfw.load(".")(("a text", "its other text")))' in own
        assert 'print(classify({"text": "a text", "text_pair": "its other text"}))' in transformers

    def test_the_next_command_takes_a_file(self, runs):
        run = runs("tfidf")

        assert next_command(run, run.directory).endswith(" --file new.csv")


class TestUse:
    def test_dicts_tuples_and_lists_of_them_are_taken(self, runs):
        classifier = clsfw.load(runs("tfidf").directory)
        answer = classifier(("a cat", "a cat sat"))

        assert answer == classifier({"premise": "a cat", "hypothesis": "a cat sat"})
        assert [answer] * 2 == classifier([("a cat", "a cat sat"), {"premise": "a cat", "hypothesis": "a cat sat"}])

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ("a text", "pairs must be tuples of two strings, or dicts"),
            (("a", "b", "c"), "a pair of texts is a tuple of two strings"),
            ({"premise": "a"}, "a dict has no 'hypothesis'; the texts of this run are in 'premise', 'hypothesis'"),
            ({"premise": "a", "hypothesis": None}, "a dict holds no text in column 'hypothesis'"),
        ],
    )
    def test_what_is_no_pair_is_refused(self, runs, given, words):
        with pytest.raises(UsageError, match=words):
            clsfw.load(runs("tfidf").directory)(given)

    def test_predict_labels_the_pairs_of_a_file(self, runs, tmp_path, capsys):
        (tmp_path / "new.csv").write_text("premise,hypothesis\na cat,a cat sat\n")

        assert 0 == main(["predict", str(runs("tfidf").directory), "--file", str(tmp_path / "new.csv"), "--json"])
        told = json.loads(capsys.readouterr().out)
        assert ("a cat", "a cat sat", "yes") == (told["text"], told["text_pair"], told["label"])

    def test_predict_takes_other_columns_by_name(self, runs, tmp_path, capsys):
        (tmp_path / "new.csv").write_text("a,b\na cat,a cat sat\n")
        command = ["predict", str(runs("tfidf").directory), "--file", str(tmp_path / "new.csv"), "--text-column", "a"]

        assert 0 == main([*command, "--text-pair-column", "b"])
        assert DataError.exit_code == main(command)
        assert "no column 'hypothesis'" in capsys.readouterr().err

    def test_a_single_text_on_the_command_line_is_refused(self, runs, capsys):
        assert UsageError.exit_code == main(["predict", str(runs("tfidf").directory), "a cat"])
        assert "this run labels pairs of texts" in capsys.readouterr().err

    def test_evaluate_scores_pairs_and_knows_what_was_seen(self, runs, tmp_path, capsys):
        (tmp_path / "new.csv").write_text(
            "\n".join(["premise,hypothesis,label", *lines(), "a cat,a cat sat,yes", "a new cat,a dog ran,no"]) + "\n"
        )

        assert 0 == main(["evaluate", str(runs("tfidf").directory), "--data", str(tmp_path / "new.csv"), "--json"])
        metrics = json.loads(capsys.readouterr().out)
        assert 18 == metrics["leaks"]["test_without_leaks"]["leaked_rows"]

    def test_a_run_on_single_texts_has_no_pairs(self, baseline, tmp_path, capsys):
        (tmp_path / "new.csv").write_text("text,b\nx,y\n")
        command = ["predict", str(baseline.directory), "--file", str(tmp_path / "new.csv"), "--text-pair-column", "b"]

        assert UsageError.exit_code == main(command)
        assert "--text-pair-column is for runs on pairs of texts" in capsys.readouterr().err


class TestMistakes:
    def test_an_unknown_column_is_named_with_what_may_be_meant(self, tmp_path):
        recipe = write(tmp_path, "tfidf")

        with pytest.raises(DataError, match=r"pairs\.csv:1: no column 'hypothesi'; did you mean text_pair_column = "):
            clsfw.run(recipe, overrides={"data.text_pair_column": "hypothesi"}, out=tmp_path / "run")

    def test_a_blank_second_text_has_its_place(self, tmp_path):
        recipe = write(tmp_path, "tfidf", ["a,b,yes", "c, ,no", "e,f,no"])

        with pytest.raises(DataError, match=r"pairs\.csv:3: the text in column 'hypothesis' is blank"):
            clsfw.run(recipe, out=tmp_path / "run")

    @pytest.mark.parametrize(("column", "other"), [("premise", "text_column"), ("label", "label_column")])
    def test_the_same_column_twice_is_refused(self, tmp_path, column, other):
        recipe = write(tmp_path, "tfidf")
        with pytest.raises(RecipeError, match=f"text_pair_column.* are both '{column}'|{other} and text_pair_column"):
            clsfw.run(recipe, overrides={"data.text_pair_column": column}, out=tmp_path / "run")

    def test_a_model_that_takes_no_pairs_is_refused_before_training(self, tmp_path, monkeypatch):
        from clsfw_sklearn.tfidf import TfidfModel

        monkeypatch.setattr(TfidfModel, "takes_pairs", False)
        with pytest.raises(RecipeError, match=r"recipe\.toml:\d+: \[model\].*'tfidf' does not take pairs of texts"):
            clsfw.run(write(tmp_path, "tfidf"), out=tmp_path / "run")

    def test_a_trainer_that_takes_no_pairs_is_refused_before_training(self, tmp_path, monkeypatch):
        from clsfw_sklearn.fit import SklearnFit

        monkeypatch.setattr(SklearnFit, "takes_pairs", False)
        with pytest.raises(RecipeError, match=r"\[trainer\].*'sklearn-fit' does not take pairs of texts"):
            clsfw.run(write(tmp_path, "tfidf"), out=tmp_path / "run")


def split_of(texts, pairs, labels=None):
    features = Features({"text": Value("string"), "text_pair": Value("string"), "label": ClassLabel(names=["a", "b"])})
    rows = {"text": texts, "text_pair": pairs, "label": labels or [0] * len(texts)}
    return Dataset.from_dict(rows, features=features)


class TestData:
    def test_the_second_text_is_a_part_of_the_fingerprint(self):
        assert fingerprint(split_of(["x"], ["y"])) != fingerprint(split_of(["x"], ["z"]))

    def test_a_pair_is_not_the_pair_that_is_cut_elsewhere(self):
        assert hash_texts([("ab", "c")]).exact != hash_texts([("a", "bc")]).exact

    def test_columns_are_read_side_by_side(self):
        pairs = texts_of(split_of(["x", "y"], ["1", "2"]))

        assert isinstance(pairs, Pairs)
        assert [("x", "1"), ("y", "2")] == list(pairs) == pairs[0:2]
        assert ("y", "2") == pairs[1]

    def test_group_by_text_keeps_equal_pairs_and_not_equal_first_texts(self):
        data = split_of(["x"] * 8, list("aabbccdd"), [0, 1] * 4)
        labels = labels_of(data, "the test")
        cut = make_splits(data, Split(method="random", train=0.5, test=0.5, group_by="text"), labels, 3, "the test")

        assert not set(cut["train"]["text_pair"]) & set(cut["test"]["text_pair"])
        assert {"x"} == set(cut["test"]["text"])

    def test_sides_are_counted_alone(self):
        data = {"train": split_of(["x"], ["1"]), "test": split_of(["X", "z"], ["2", "1"])}
        found = find_side_leaks(data, {"train": np.array([0]), "test": np.array([1, 2])})

        assert {"exact": 0, "folded": 1, "rows": [1]} == found["text"]["train_test"]
        assert {"exact": 1, "folded": 1, "rows": [2]} == found["text_pair"]["train_test"]
