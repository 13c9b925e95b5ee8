from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from clsfw.evidence.tally import classification_report, confusion_matrix, macro_scores, patterns


def drawn(rows, classes, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(classes, size=rows), rng.integers(classes, size=rows)


def drawn_sets(rows, classes, seed):
    rng = np.random.default_rng(seed)
    return (rng.random((rows, classes)) < 0.3).astype(np.int64), (rng.random((rows, classes)) < 0.4).astype(np.int64)


@pytest.mark.parametrize("classes", [2, 3, 77])
def test_classification_report_equals_scikit_learns(classes):
    true, said = drawn(500, classes, seed=classes)
    names = tuple(f"class {i}" for i in range(classes))
    expected = sk.classification_report(
        true, said, labels=range(classes), target_names=names, output_dict=True, zero_division=0
    )
    actual = classification_report(true, said, names, {name: {} for name in names})
    for label in names:
        assert actual["classes"][label]["support"] == expected[label]["support"]
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert actual["classes"][label][ours] == pytest.approx(expected[label][theirs])
    for mean in ("macro avg", "weighted avg"):
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert actual[mean][ours] == pytest.approx(expected[mean][theirs])


def test_report_of_several_labels_equals_scikit_learns():
    true, said = drawn_sets(300, 4, seed=1)
    expected = sk.classification_report(true, said, target_names=list("abcd"), output_dict=True, zero_division=0)
    actual = classification_report(true, said, tuple("abcd"), {name: {} for name in "abcd"})
    assert [actual["classes"][label]["f1"] for label in "abcd"] == pytest.approx(
        [expected[label]["f1-score"] for label in "abcd"]
    )
    assert macro_scores(true, said, 4)["accuracy"] == pytest.approx(sk.accuracy_score(true, said))


def test_a_class_that_is_never_true_nor_predicted_scores_0():
    names = ("a", "b", "never")
    report = classification_report(np.array([0, 1]), np.array([0, 1]), names, {name: {} for name in names})
    assert report["classes"]["never"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0, "intervals": {}}
    assert report["macro avg"]["f1"] == pytest.approx(2 / 3)


def test_confusion_matrix_equals_scikit_learns():
    true, said = drawn(400, 5, seed=3)
    assert confusion_matrix(true, said, 5) == sk.confusion_matrix(true, said, labels=range(5)).tolist()


def test_each_of_several_labels_has_a_matrix_of_its_own():
    true, said = drawn_sets(200, 3, seed=4)
    assert confusion_matrix(true, said, 3) == sk.multilabel_confusion_matrix(true, said).tolist()


@pytest.mark.parametrize("classes", [1, 2, 77])  # of 77 there are more patterns than rows
def test_patterns_of_ids_are_those_of_the_same_ids_as_rows(classes):
    columns = [np.random.default_rng(seed).integers(classes, size=400) for seed in range(3)]

    as_ids, as_rows = patterns(*columns), patterns(np.column_stack(columns))

    assert [part.tolist() for part in as_rows] == [part.tolist() for part in as_ids]


def test_patterns_are_counted():
    first, counts = patterns(np.array([1, 0, 1, 1]), np.array([0, 0, 0, 1]))
    assert sorted(zip(first.tolist(), counts.tolist(), strict=True)) == [(0, 2), (1, 1), (3, 1)]
