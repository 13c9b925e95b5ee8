from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from clsfw.evidence.thresholds import at, roc_auc, threshold_table, tune


def drawn(rows=400, seed=0, digits=2):
    rng = np.random.default_rng(seed)
    positive = rng.random(rows) < 0.4
    probability = np.clip(positive * 0.3 + rng.random(rows) * 0.7, 0, 1).round(digits).astype(np.float32)
    return positive, probability


def test_area_under_the_curve_equals_scikit_learns_with_ties():
    positive, probability = drawn()
    assert roc_auc(positive, probability) == pytest.approx(roc_auc_score(positive, probability), abs=1e-12)


def test_many_rows_are_taken_in_blocks(monkeypatch):
    positive, probability = drawn()
    whole = roc_auc(positive, probability)
    monkeypatch.setattr("clsfw.evidence.thresholds._BLOCK", 7)
    assert roc_auc(positive, probability) == whole


def test_one_class_alone_has_no_area():
    assert roc_auc(np.ones(3, bool), np.array([0.1, 0.5, 0.9], np.float32)) is None


def test_scores_at_a_threshold_equal_scikit_learns():
    positive, probability = drawn()
    said = probability >= np.float32(0.7)
    found = at(positive, probability, 0.7)
    assert found["precision"] == pytest.approx(precision_score(positive, said))
    assert found["recall"] == pytest.approx(recall_score(positive, said))
    assert found["f1"] == pytest.approx(f1_score(positive, said))
    assert found["macro_f1"] == pytest.approx(f1_score(positive, said, average="macro"))


def test_a_probability_equal_to_the_threshold_counts_as_positive():
    assert at(np.array([True]), np.array([0.7], np.float32), 0.7)["recall"] == 1.0


def test_a_threshold_over_all_probabilities_gives_finite_scores():
    assert at(np.array([True]), np.array([0.1], np.float32), 0.95)["precision"] == 0.0


def test_the_table_goes_from_5_to_95_hundredths():
    table = threshold_table(*drawn())
    assert [line["threshold"] for line in table] == [round(0.05 * i, 2) for i in range(1, 20)]


@pytest.mark.parametrize("macro", [True, False])
@pytest.mark.parametrize("digits", [1, 3])
def test_no_threshold_is_better_than_the_tuned_one(macro, digits):
    positive, probability = drawn(digits=digits)
    name = "macro_f1" if macro else "f1"
    tuned = at(positive, probability, tune(positive, probability, macro=macro))[name]
    best = max(at(positive, probability, t)[name] for t in np.linspace(0, 1, 2001))
    assert tuned == pytest.approx(best, abs=1e-12)


def test_of_equally_good_thresholds_the_one_nearest_a_half_is_taken():
    positive = np.array([False, False, True, True])
    probability = np.array([0.05, 0.2, 0.6, 0.9], np.float32)
    assert tune(positive, probability, macro=True) == pytest.approx(0.4)

    positive = np.array([True, False, False, True, False])
    probability = np.array([0.6, 0.5, 0.45, 0.1, 0.0], np.float32)  # F1 is 2/3 over 0.55 and over 0.05
    assert tune(positive, probability, macro=False) == pytest.approx(0.55)
