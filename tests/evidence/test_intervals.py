from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from clsfw.evidence.intervals import intervals, limits, resample, wilson


def outcome(rows, classes, accuracy, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.integers(classes, size=rows)
    return true, np.where(rng.random(rows) < accuracy, true, rng.integers(classes, size=rows))


def test_accuracy_limits_agree_with_the_normal_approximation():
    true, said = outcome(10_000, 2, accuracy=0.8)
    (low, high), share = intervals(true, said, ("a", "b"), seed=1)[0]["accuracy"], (true == said).mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 10_000)
    assert low == pytest.approx(share - half, abs=0.001)
    assert high == pytest.approx(share + half, abs=0.001)


def test_limits_agree_with_a_bootstrap_that_draws_every_row():
    true, said = outcome(400, 3, accuracy=0.7)
    rng = np.random.default_rng(5)
    drawn = [rng.integers(400, size=400) for _ in range(1000)]
    expected = limits(np.array([f1_score(true[rows], said[rows], average="macro") for rows in drawn]))
    assert intervals(true, said, ("a", "b", "c"), seed=1)[0]["f1"] == pytest.approx(expected, abs=0.006)


def test_all_right_gives_accuracy_wilsons_limits_and_the_rest_none():
    true = np.array([0] * 99 + [1])

    assert ({"accuracy": wilson(100, 100)}, {"a": {}, "b": {}}) == intervals(true, true, ("a", "b"), seed=1)


def test_the_same_seed_gives_the_same_limits():
    true, said = outcome(300, 3, accuracy=0.7)
    names = ("a", "b", "c")
    assert intervals(true, said, names, seed=7) == intervals(true, said, names, seed=7)
    assert intervals(true, said, names, seed=7) != intervals(true, said, names, seed=8)


def test_every_class_has_limits_around_its_score():
    true, said = outcome(3000, 4, accuracy=0.7)
    each = intervals(true, said, tuple("abcd"), seed=1)[1]
    for i, label in enumerate("abcd"):
        score = f1_score(true == i, said == i)
        low, high = each[label]["f1"]
        assert low < score < high


def test_limits_of_several_labels_hold_the_score():
    rng = np.random.default_rng(2)
    true = (rng.random((500, 3)) < 0.3).astype(np.int64)
    said = np.where(rng.random((500, 3)) < 0.8, true, 1 - true)
    low, high = intervals(true, said, tuple("abc"), seed=1)[0]["f1"]
    assert low < f1_score(true, said, average="macro") < high


def test_a_resample_has_as_many_rows_as_the_original():
    blocks = list(resample(np.array([5, 3, 92]), 50, seed=1))
    assert [int(counts.sum()) for block in blocks for counts in block] == [100] * 50


@pytest.mark.parametrize(("right", "rows"), [(0, 5), (5, 5), (7, 10), (8995, 10_000)])
def test_wilson_equals_scipys(right, rows):
    expected = stats.binomtest(right, rows).proportion_ci(method="wilson")
    assert wilson(right, rows) == pytest.approx([expected.low, expected.high], abs=1e-12)


@pytest.mark.parametrize("right", [0, 50])
def test_all_right_or_all_wrong_has_wilsons_accuracy_and_no_other_limits(right):
    true = np.arange(50) % 2
    whole, each = intervals(true, true if right else 1 - true, ("a", "b"), seed=1)
    assert whole == {"accuracy": wilson(right, 50)}
    assert each == {"a": {}, "b": {}}


def test_all_labels_of_all_rows_right_has_wilsons_accuracy():
    true = np.ones((5, 3), dtype=np.int64)
    assert intervals(true, true, tuple("abc"), seed=1)[0] == {"accuracy": wilson(5, 5)}
