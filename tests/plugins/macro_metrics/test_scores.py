from __future__ import annotations

import numpy as np
import pytest

from clsfw import Labels, Outcome
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
