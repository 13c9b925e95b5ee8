"""Variance over seeds and rows: against textbook numbers, by simulation, and the slope of macro scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clsfw.evidence.predictions import PredictionTable
from clsfw.evidence.tally import macro_scores
from clsfw.studies.luck import crossed, gain, shares


def table(references, predictions, classes=2):
    rows = len(references)
    nothing = np.zeros(rows, np.int64)
    return PredictionTable(
        labels=tuple("abcdef"[:classes]),
        rows=np.arange(rows),
        references=np.asarray(references, np.int64),
        predictions=np.asarray(predictions, np.int64),
        probabilities=np.zeros((rows, classes), np.float32),
        tokens=nothing,
        truncated=nothing.astype(bool),
        text_hashes=nothing.astype(np.uint64),
    )


class TestCrossed:
    def test_the_parts_are_those_of_the_two_way_layout(self):
        values = np.array([[1.0, 2.0, 4.0, 3.0], [2.0, 2.0, 7.0, 5.0], [0.0, 3.0, 3.0, 1.0]])
        seeds, rows = values.shape
        by_seed, by_row = values.mean(axis=1), values.mean(axis=0)
        rest = values - by_seed[:, None] - by_row + values.mean()
        squares_rest = (rest**2).sum() / 6

        found = crossed(values)

        assert values.mean() == pytest.approx(found.mean)
        of_seeds = (np.var(by_seed, ddof=1) * rows - squares_rest) / rows
        of_rows = (np.var(by_row, ddof=1) * seeds - squares_rest) / seeds
        assert np.sqrt(of_seeds / seeds) == pytest.approx(found.seeds)
        assert np.sqrt(of_rows / rows) == pytest.approx(found.rows)
        whole = of_seeds / seeds + of_rows / rows + squares_rest / (seeds * rows)
        assert np.sqrt(whole) == pytest.approx(found.error)

    def test_without_luck_of_seeds_it_is_the_t_interval_over_rows(self):
        row = np.random.default_rng(1).normal(0.3, 1, 200)

        found = crossed(np.stack([row] * 4))

        expected = stats.t.interval(0.95, 199, loc=row.mean(), scale=stats.sem(row))
        assert list(expected) == pytest.approx(found.interval)

    def test_nothing_that_moves_is_no_interval(self):
        assert [0.0, 0.0] == crossed(np.zeros((3, 5))).interval

    @pytest.mark.parametrize(("of_seeds", "of_rows"), [(0.02, 0.0), (0.0, 0.3), (0.02, 0.3)])
    def test_the_interval_covers_the_truth_in_95_of_100_studies(self, of_seeds, of_rows):
        rng = np.random.default_rng(7)
        held, count, truth = 0, 2000, 0.1
        for _ in range(count):
            seed, row = rng.normal(0, of_seeds, (5, 1)), rng.normal(0, of_rows, (1, 300))
            low, high = crossed(truth + seed + row + rng.normal(0, 0.3, (5, 300))).interval
            held += low <= truth <= high

        assert 0.935 <= held / count <= 0.975


class TestShares:
    @pytest.mark.parametrize("score", ["accuracy", "precision", "recall", "f1"])
    def test_their_mean_is_the_score(self, score):
        rng = np.random.default_rng(3)
        true, said = rng.integers(0, 3, 50), rng.integers(0, 3, 50)

        expected = macro_scores(true, said, 3)[score]
        assert expected == pytest.approx(shares(table(true, said, 3), score).mean())

    @pytest.mark.parametrize("score", ["precision", "recall", "f1"])
    def test_a_row_counts_as_the_derivative_says(self, score):
        rng = np.random.default_rng(4)
        true, said = rng.integers(0, 3, 4000), rng.integers(0, 3, 4000)
        before = macro_scores(true, said, 3)[score]
        after = macro_scores(np.append(true, true[0]), np.append(said, said[0]), 3)[score]

        assert after - before == pytest.approx((shares(table(true, said, 3), score)[0] - before) / 4001, rel=0.01)

    def test_a_class_that_never_occurs_counts_as_0(self):
        true, said = [0, 1, 0, 1], [0, 1, 1, 1]

        expected = macro_scores(np.array(true), np.array(said), 3)["f1"]
        assert expected == pytest.approx(shares(table(true, said, 3), "f1").mean())


class TestGain:
    def test_it_is_the_difference_of_the_means(self):
        rng = np.random.default_rng(5)
        true = rng.integers(0, 2, 400)
        good = [np.where(rng.random(400) < 0.9, true, 1 - true) for _ in range(3)]
        poor = [np.where(rng.random(400) < 0.7, true, 1 - true) for _ in range(3)]

        found = gain([table(true, said) for said in good], [table(true, said) for said in poor], "f1")

        expected = np.mean([macro_scores(true, s, 2)["f1"] for s in good])
        expected -= np.mean([macro_scores(true, s, 2)["f1"] for s in poor])
        assert expected == pytest.approx(found["mean"])
        assert "f1" == found["score"]
        assert found["interval"][0] > 0

    def test_another_metric_is_judged_by_the_accuracy(self):
        tables = [table([0, 1, 0], [0, 1, 1]), table([0, 1, 0], [0, 0, 1])]

        assert "accuracy" == gain(tables, tables, "auc")["score"]
