from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from clsfw.evidence.significance import FEW, accuracy_differences, bootstrap_p, f1_differences, holm, interval, mcnemar


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 1), (3, 9), (10, 10), (0, 24), (24, 0), (11, 13)])
def test_mcnemar_is_the_exact_binomial_test_where_few_differ(only_a, only_b):
    assert only_a + only_b < FEW
    expected = stats.binomtest(only_a, only_a + only_b).pvalue
    assert mcnemar(only_a, only_b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("only_a", "only_b"), [(10, 15), (100, 140), (250, 250), (500, 600), (0, 3000)])
def test_mcnemar_is_chi_square_with_continuity_correction_where_many_differ(only_a, only_b):
    statistic = max(0, abs(only_a - only_b) - 1) ** 2 / (only_a + only_b)
    assert mcnemar(only_a, only_b) == pytest.approx(stats.chi2.sf(statistic, 1), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("only_a", "only_b"), [(3, 9), (5, 19), (10, 20), (121, 59), (86, 150)])
def test_mcnemar_equals_statsmodels(only_a, only_b):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason="statsmodels is not installed")
    theirs = tables.mcnemar([[1000, only_a], [only_b, 50]], exact=only_a + only_b < FEW, correction=True)
    assert mcnemar(only_a, only_b) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_mcnemar_of_the_published_example():
    # Agresti, Categorical Data Analysis, table 10.1: 150 and 86 differ; chi-square without correction is 17.36.
    assert mcnemar(150, 86) == pytest.approx(stats.chi2.sf((64 - 1) ** 2 / 236, 1), rel=1e-9)


def test_runs_that_never_differ_give_p_1():
    assert mcnemar(0, 0) == 1.0


def test_resampled_differences_spread_as_theory_says():
    differences = accuracy_differences(120, 80, 10_000, 10_000, seed=1)
    spread = np.sqrt(200 / 10_000 - (40 / 10_000) ** 2) / 100
    assert differences.mean() == pytest.approx(0.004, abs=5e-5)
    assert differences.std() == pytest.approx(spread, rel=0.03)


def test_bootstrap_p_agrees_with_mcnemar_where_many_differ():
    differences = accuracy_differences(540, 460, 10_000, 10_000, seed=1)
    assert bootstrap_p(differences) == pytest.approx(mcnemar(540, 460), abs=0.005)


def test_bootstrap_p_of_no_difference_at_all_is_1():
    assert bootstrap_p(np.zeros(100)) == 1.0


def test_bootstrap_p_is_never_0():
    assert bootstrap_p(np.ones(999)) == pytest.approx(2 / 1000)


def test_differences_of_f1_are_paired():
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=600)
    of_a = np.where(rng.random(600) < 0.8, true, rng.integers(3, size=600))
    of_b = np.where(rng.random(600) < 0.05, rng.integers(3, size=600), of_a)
    low, high = interval(f1_differences(true, of_a, of_b, 3, resamples=1000, seed=1))
    actual = f1_score(true, of_a, average="macro") - f1_score(true, of_b, average="macro")
    assert low <= actual <= high
    assert high - low < 0.05  # independent resamples of the two would spread over 0.09


def test_holm_corrects_as_published():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_a_single_question_alone():
    assert holm([0.04]) == [0.04]
