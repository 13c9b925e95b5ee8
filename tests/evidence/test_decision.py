from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from clsfw.contract.parts import Labels
from clsfw.errors import DataError
from clsfw.evidence.decision import Decision, check_options, fit_decision

TWO = Labels(("negative", "positive"))
PROBABILITIES = np.array([[0.6, 0.4], [0.2, 0.8], [0.55, 0.45]], np.float32)


def test_the_plain_decision_takes_the_likeliest_class():
    assert Decision().decide(PROBABILITIES, TWO).tolist() == [0, 1, 0]
    assert Decision().scale(PROBABILITIES, TWO) is PROBABILITIES


def test_a_threshold_moves_the_border_between_two_classes():
    assert Decision(threshold=0.45).decide(PROBABILITIES, TWO).tolist() == [0, 1, 1]


def test_several_labels_are_decided_one_by_one():
    assert Decision().decide(PROBABILITIES, Labels(("a", "b"), multi_label=True)).tolist() == [[1, 0], [0, 1], [1, 0]]


def test_a_decision_survives_json():
    decision = Decision(temperature=1.5, threshold=0.4)
    assert Decision.from_json(decision.to_json()) == decision
    assert Decision.from_json(None) == Decision()


def test_nothing_is_fitted_unless_asked_for(options):
    assert fit_decision(options(), TWO, np.array([0, 1, 0]), PROBABILITIES) == Decision()


def test_the_threshold_is_tuned_on_scaled_probabilities(options, outcome):
    true, probabilities = outcome(500, 2)
    decision = fit_decision(options(temperature_scaling=True, tune_threshold=True), TWO, true, probabilities)
    alone = fit_decision(options(tune_threshold=True), TWO, true, probabilities)
    scaled = decision.decide(decision.scale(probabilities, TWO), TWO)
    assert decision.temperature != pytest.approx(1.0, abs=0.01)
    assert (scaled == alone.decide(probabilities, TWO)).mean() > 0.99


@pytest.mark.parametrize("asked", ["temperature_scaling", "tune_threshold"])
def test_what_is_asked_for_needs_a_validation_split_and_nothing_else_does(asked, options):
    data = {"train": Dataset.from_dict({"text": ["a"]})}
    check_options(options(), TWO, data)
    check_options(options(**{asked: True}), TWO, {**data, "validation": data["train"]})
    with pytest.raises(DataError, match=f"{asked} needs a validation split"):
        check_options(options(**{asked: True}), TWO, data)
