from __future__ import annotations

import numpy as np
import pytest

from clsfw import Labels, Outcome, PlanFacts
from clsfw_macro_metrics import MacroMetricsSettings, build


def outcome(references, predictions, names=("no", "yes"), *, multi_label=False):
    references, predictions = np.array(references), np.array(predictions)
    probabilities = np.zeros((len(references), len(names)), dtype=np.float32)
    return Outcome(references, predictions, probabilities, Labels(tuple(names), multi_label))


def compute(given, **options):
    return build(MacroMetricsSettings(**options)).compute(given)


def test_the_published_example_gives_its_published_scores():
    scores = compute(outcome([1, 1, 0, 1, 0], [1, 0, 1, 1, 0]))

    assert pytest.approx({"precision": 0.58333, "recall": 0.58333, "f1": 0.58333, "accuracy": 0.6}, abs=1e-5) == scores


def test_the_scores_come_in_the_order_of_the_published_table():
    assert ["precision", "recall", "f1", "accuracy"] == list(compute(outcome([0, 1], [0, 1])))


def test_a_class_that_is_in_neither_column_counts_as_zero():
    scores = compute(outcome([0, 1], [0, 1], names=("a", "b", "c")))

    assert pytest.approx(2 / 3) == scores["f1"]
    assert scores["accuracy"] == 1.0


def test_every_score_is_a_plain_number():
    scores = compute(outcome([0, 1, 1], [0, 1, 0]), per_label=True)

    assert {float} == {type(value) for value in scores.values()}


def test_per_label_names_each_label():
    scores = compute(outcome([0, 1, 1, 1], [0, 0, 1, 1]), per_label=True)

    assert pytest.approx(1.0) == scores["recall_no"]
    assert pytest.approx(0.5) == scores["precision_no"]
    assert pytest.approx(2 / 3) == scores["recall_yes"]


def test_several_labels_per_text_give_micro_averages_and_subset_accuracy():
    given = outcome([[1, 0, 1], [0, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 0], [1, 1, 0]], "abc", multi_label=True)

    expected = {
        "precision": (0.5 + 1 + 0) / 3,
        "recall": (1 + 1 + 0) / 3,
        "f1": (2 / 3 + 1 + 0) / 3,
        "accuracy": 1 / 3,
        "micro_precision": 2 / 3,
        "micro_recall": 2 / 3,
        "micro_f1": 2 / 3,
    }
    assert pytest.approx(expected) == compute(given)


def test_score_names_are_known_before_anything_is_built():
    names = MacroMetricsSettings().score_names()

    assert ["precision", "recall", "f1", "accuracy"] == list(names)[:4]
    assert all(names.values())


def test_a_label_with_control_characters_gives_names_that_a_run_takes():
    scores = compute(outcome([0, 1], [0, 1], names=("a\x1b[31m\nb", "café 日本")), per_label=True)

    assert {"f1_a[31m b", "f1_café 日本"} < set(scores)


class TestOutOfScope:
    NAMES = ("pay", "oos", "track")
    OUTCOME = outcome([0, 0, 2, 2, 1, 1, 1, 0, 1], [0, 1, 2, 0, 1, 1, 2, 0, 2], NAMES)

    def test_both_sides_have_scores_of_their_own(self):
        scores = compute(self.OUTCOME, out_of_scope="oos")

        assert 3 / 5 == scores["in_scope_accuracy"]
        assert 2 / 3 == scores["out_of_scope_precision"]
        assert 1 / 2 == scores["out_of_scope_recall"]

    def test_the_other_scores_stay_as_they_are(self):
        alone = compute(self.OUTCOME)

        assert alone == {name: compute(self.OUTCOME, out_of_scope="oos")[name] for name in alone}

    @pytest.mark.parametrize(("references", "name"), [([1, 1], "in_scope_accuracy"), ([0, 2], "out_of_scope_recall")])
    def test_without_any_text_of_a_side_its_score_is_0(self, references, name):
        assert 0.0 == compute(outcome(references, references, self.NAMES), out_of_scope="oos")[name]

    def test_the_names_are_known_beforehand(self):
        settings = MacroMetricsSettings(out_of_scope="oos")

        assert set(compute(self.OUTCOME, out_of_scope="oos")) <= set(settings.score_names())

    @pytest.mark.parametrize(
        ("label", "labels", "words"),
        [
            ("oos", Labels(NAMES), None),
            ("OOS", Labels(NAMES), "the data has no label 'OOS'; did you mean 'oos'?"),
            ("oos", Labels(NAMES, multi_label=True), "needs one label per text"),
            ("oos", None, None),
        ],
    )
    def test_a_label_that_does_not_fit_the_data_is_told_before_training(self, label, labels, words):
        facts = PlanFacts(frozenset(), {}, labels=labels)
        found = list(MacroMetricsSettings(out_of_scope=label).check_plan(facts))

        assert ([] if words is None else ["out_of_scope"]) == [key for key, _ in found]
        assert all(words in message for _, message in found)
