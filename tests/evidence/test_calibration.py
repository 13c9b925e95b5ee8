from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss as sk_log_loss

from clsfw.evidence.calibration import brier, calibration, fit_temperature, log_loss, scale


def logits(rows, classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(scale=2, size=(rows, classes))


def honest(rows, classes, seed=0):
    """Draw true ids from the very probabilities, so that these mean what they say."""
    probabilities = softmax(logits(rows, classes, seed), axis=1)
    rng = np.random.default_rng(seed + 1)
    true = (rng.random((rows, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    return np.minimum(true, classes - 1), probabilities.astype(np.float32)


def test_honest_probabilities_have_next_to_no_calibration_error():
    assert calibration(*honest(20_000, 3))["ece"] < 0.01


def test_expected_calibration_error_of_known_bins():
    true = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.3, 0.7]], np.float32)
    found = calibration(true, probabilities)
    assert found["ece"] == pytest.approx(0.75 * abs(2 / 3 - 0.9) + 0.25 * 0.3)
    assert [b["rows"] for b in found["bins"]] == [1, 3]


def test_a_certain_prediction_falls_into_the_last_bin():
    found = calibration(np.array([0]), np.array([[1.0, 0.0]], np.float32))
    assert found["bins"] == [{"low": 14 / 15, "high": 1.0, "rows": 1, "confidence": 1.0, "accuracy": 1.0}]


def test_log_loss_equals_scikit_learns():
    true, probabilities = honest(500, 4)
    wide = probabilities.astype(np.float64)
    expected = sk_log_loss(true, wide / wide.sum(axis=1, keepdims=True), labels=range(4))
    assert log_loss(true, probabilities) == pytest.approx(expected, rel=1e-5)


def test_log_loss_of_an_impossible_answer_is_finite():
    assert np.isfinite(log_loss(np.array([1]), np.array([[1.0, 0.0]], np.float32)))


def test_brier_score_of_known_values():
    assert brier(np.array([0]), np.array([[0.8, 0.2]], np.float32)) == pytest.approx(0.08)
    assert brier(np.array([[1, 0]]), np.array([[0.8, 0.2]], np.float32)) == pytest.approx(0.04)


def test_many_rows_are_taken_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    references, probabilities = rng.integers(3, size=100), rng.dirichlet(np.ones(3), 100).astype(np.float32)
    whole = brier(references, probabilities)
    monkeypatch.setattr("clsfw.evidence.calibration._BLOCK", 7)
    assert brier(references, probabilities) == whole


def test_scaling_divides_the_logits():
    given = logits(50, 4)
    expected = softmax(given / 2.5, axis=1)
    assert scale(softmax(given, axis=1), 2.5) == pytest.approx(expected, abs=1e-6)


def test_scaling_several_labels_divides_each_logit():
    given = logits(50, 4)
    assert scale(expit(given), 2.5, multi_label=True) == pytest.approx(expit(given / 2.5), abs=1e-6)


def test_scaling_keeps_the_likeliest_class():
    probabilities = softmax(logits(200, 5), axis=1).astype(np.float32)
    for temperature in (0.1, 0.7, 3.0):
        assert (scale(probabilities, temperature).argmax(axis=1) == probabilities.argmax(axis=1)).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoilt_the_probabilities_is_found(temperature):
    true, probabilities = honest(20_000, 3)
    spoilt = scale(probabilities, 1 / temperature)
    assert fit_temperature(true, spoilt) == pytest.approx(temperature, rel=0.05)


def test_a_temperature_is_found_for_several_labels_too():
    given = logits(20_000, 2)
    true = (np.random.default_rng(1).random(given.shape) < expit(given)).astype(np.int64)
    assert fit_temperature(true, expit(given * 2).astype(np.float32)) == pytest.approx(2.0, rel=0.05)


def test_several_labels_pool_all_cells():
    true = np.array([[1, 0], [0, 0]])
    probabilities = np.array([[0.9, 0.2], [0.1, 0.6]], np.float32)
    found = calibration(true, probabilities)
    assert sum(b["rows"] for b in found["bins"]) == 4
    assert found["ece"] == pytest.approx((0.1 + 0.2 + 0.1 + 0.6) / 4, abs=1e-6)
