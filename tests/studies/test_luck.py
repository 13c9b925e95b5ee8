"""Variance over seeds and rows: against textbook numbers, by simulation, and the slope of macro scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from clsfw.evidence.predictions import PredictionTable
from clsfw.evidence.tally import macro_scores
from clsfw.studies.luck import crossed, gain, resampled, seeds_needed, shares


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


def minus_reml(values, variances):
    """Return minus the restricted log likelihood of an intercept with crossed effects of seeds and rows."""
    seeds, rows = values.shape
    of_seed, of_row, of_rest = variances
    covariance = np.kron(of_seed * np.eye(seeds), np.ones((rows, rows)))
    covariance += np.kron(np.ones((seeds, seeds)), of_row * np.eye(rows)) + of_rest * np.eye(seeds * rows)
    inverse, ones = np.linalg.inv(covariance), np.ones(seeds * rows)
    weight = ones @ inverse @ ones
    left = values.ravel() - ones @ inverse @ values.ravel() / weight
    return (np.linalg.slogdet(covariance)[1] + np.log(weight) + left @ inverse @ left) / 2


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
        assert np.sqrt(of_seeds / seeds + squares_rest / (seeds * rows)) == pytest.approx(found.seeds)
        assert np.sqrt(of_rows / rows) == pytest.approx(found.rows)
        whole = of_seeds / seeds + of_rows / rows + squares_rest / (seeds * rows)
        assert np.sqrt(whole) == pytest.approx(found.error)

    def test_without_luck_of_seeds_it_is_the_t_interval_over_rows(self):
        row = np.random.default_rng(1).normal(0.3, 1, 200)

        found = crossed(np.stack([row] * 4))

        expected = stats.t.interval(0.95, 199, loc=row.mean(), scale=stats.sem(row))
        assert list(expected) == pytest.approx(found.interval)

    def test_it_is_the_mixed_model_with_crossed_effects(self):
        """In a balanced layout whose variances are above 0 the mean squares are the restricted maximum likelihood."""
        rng = np.random.default_rng(11)
        seeds, rows = 6, 9
        values = rng.normal(0, 0.8, (seeds, 1)) + rng.normal(0, 1.9, (1, rows)) + rng.normal(0, 0.5, (seeds, rows))

        of_seed, of_row, of_rest = np.exp(optimize.minimize(lambda x: minus_reml(values, np.exp(x)), np.zeros(3)).x)
        found = crossed(values)

        assert np.sqrt(of_seed / seeds + of_rest / (seeds * rows)) == pytest.approx(found.seeds, rel=1e-3)
        assert np.sqrt(of_row / rows) == pytest.approx(found.rows, rel=1e-3)
        error = np.sqrt(of_seed / seeds + of_row / rows + of_rest / (seeds * rows))
        assert error == pytest.approx(found.error, rel=1e-3)

    def test_two_sides_on_one_row_each_time_are_welchs_test(self):
        rng = np.random.default_rng(4)
        one, other = rng.normal(0.2, 1, (5, 1)), rng.normal(0, 2, (4, 1))

        found = crossed(np.tile(one, 50), np.tile(other, 50))

        assert stats.ttest_ind(one[:, 0], other[:, 0], equal_var=False).pvalue == pytest.approx(found.p, rel=1e-6)

    def test_a_single_seed_borrows_the_luck_of_the_other_side(self):
        one, other = np.random.default_rng(4).normal(0, 1, (5, 1)), np.array([[2.5]])

        found = crossed(np.tile(one, 50), np.tile(other, 50))

        error = one.std(ddof=1) * np.sqrt(1 / 5 + 1)
        assert 2 * stats.t.sf(abs(one.mean() - 2.5) / error, 4) == pytest.approx(found.p, rel=1e-6)

    def test_a_single_row_says_nothing(self):
        low, high = crossed(np.array([[1.0], [1.0]])).interval

        assert (low, high) < (0, 1)
        assert high > 1

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

    @pytest.mark.parametrize("score", ["accuracy", "precision", "recall", "f1"])
    def test_with_several_labels_their_mean_is_the_score_too(self, score):
        rng = np.random.default_rng(3)
        true, said = rng.integers(0, 2, (50, 3)), rng.integers(0, 2, (50, 3))

        assert macro_scores(true, said, 3)[score] == pytest.approx(shares(table(true, said, 3), score).mean())

    @pytest.mark.parametrize("score", ["precision", "recall", "f1"])
    def test_one_label_counts_alike_in_both_ways_to_write_it(self, score):
        rng = np.random.default_rng(3)
        true, said = rng.integers(0, 3, 50), rng.integers(0, 3, 50)

        as_matrix = shares(table(np.eye(3, dtype=int)[true], np.eye(3, dtype=int)[said], 3), score)
        assert shares(table(true, said, 3), score) == pytest.approx(as_matrix)


class TestResampled:
    def test_draws_are_as_wide_as_the_interval(self):
        rng = np.random.default_rng(6)
        one, other = rng.normal(0.1, 1, (5, 300)) + rng.normal(0, 0.1, (5, 1)), rng.normal(0, 1, (4, 300))
        luck = crossed(one, other)

        draws = resampled(one, other, luck)

        low, high = np.quantile(draws, [0.025, 0.975])
        assert 2 * luck.half == pytest.approx(high - low)
        assert luck.mean == pytest.approx(draws.mean())

    def test_what_no_resample_moves_stays(self):
        values = np.ones((3, 20))

        assert {0.0} == set(resampled(values, values, crossed(values, values)))


class TestSeedsNeeded:
    def luck(self, of_one_seed, of_rows):
        rng = np.random.default_rng(8)
        seeds = rng.normal(0, 1, (50, 1))
        seeds = (seeds - seeds.mean()) / seeds.std(ddof=1) * of_one_seed
        rows = rng.normal(0, of_rows * np.sqrt(500), (1, 500)) if of_rows else np.zeros((1, 500))
        return crossed(seeds + rows, np.tile(seeds, 500))

    def test_it_is_what_the_power_of_a_t_test_asks_for(self):
        needed = seeds_needed(self.luck(0.01, 0.0), 0.01)

        def power(seeds):
            t = stats.nct(2 * (seeds - 1), 0.01 / (0.01 * np.sqrt(2 / seeds)))
            return t.sf(stats.t.isf(0.025, 2 * (seeds - 1)))

        assert power(needed - 2) < 0.8 <= power(needed + 1)

    def test_rows_that_are_too_few_are_no_matter_of_seeds(self):
        assert seeds_needed(self.luck(0.01, 0.01), 0.005) is None

    def test_without_luck_of_seeds_two_are_enough(self):
        assert 2 == seeds_needed(crossed(np.zeros((3, 50)), np.zeros((3, 50))), 0.005)


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
