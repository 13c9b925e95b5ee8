"""What an artifact must show beside its run before it is accepted."""

from __future__ import annotations

import numpy as np

from clsfw.shipping.parity import Sides, parity

ROWS = 1000
TRUE = np.arange(ROWS) % 2


def likely(labels, sure=0.9):
    one = np.where(labels == 1, sure, 1 - sure).astype(np.float32)
    return np.stack([1 - one, one], axis=1)


def sides(wrong_before, wrong_after, sure=0.9):
    """Return sides of which those rows are predicted wrongly."""
    before, after = TRUE.copy(), TRUE.copy()
    before[wrong_before] ^= 1
    after[wrong_after] ^= 1
    return Sides(TRUE, before, (likely(before), before), (likely(after, sure), after))


def test_the_same_predictions_are_accepted():
    found = parity(sides([3, 4], [3, 4]), "fp32", 0.005)

    assert ("ACCEPTED", [], 0, 0.0) == (
        found["verdict"],
        found["reasons"],
        found["flips"],
        found["accuracy"]["difference"],
    )


def test_one_other_label_refuses_fp32():
    found = parity(sides([3], [3, 4]), "fp32", 0.005)

    assert "REFUSED" == found["verdict"]
    assert "1 of 1,000 labels differ from those of the run's own model in fp32" == found["reasons"][0]


def test_a_label_that_became_right_refuses_fp32_too():
    assert "REFUSED" == parity(sides([3, 4], [3]), "fp32", 0.005)["verdict"]


def test_a_probability_that_is_a_thousandth_off_refuses_fp32():
    found = parity(sides([], [], sure=0.9011), "fp32", 0.005)

    assert ("REFUSED", 0) == (found["verdict"], found["flips"])
    assert ["a probability differs by 0.0011, and in fp32 none may by 0.001"] == found["reasons"]


def test_a_probability_that_is_no_number_refuses_fp32():
    given = sides([], [])
    given.artifact[0][5] = np.nan

    assert "REFUSED" == parity(given, "fp32", 0.005)["verdict"]


def test_another_precision_may_flip_what_costs_less_than_the_limit():
    found = parity(sides([1, 2], [2, 3]), "int8", 0.005)

    assert ("ACCEPTED", 2) == (found["verdict"], found["flips"])


def test_another_precision_is_judged_by_the_lower_limit_not_by_the_difference():
    found = parity(sides([], [1, 2, 3, 4]), "int8", 0.005)

    assert -0.005 < found["accuracy"]["difference"] < 0
    assert found["accuracy"]["interval"][0] < -0.005
    assert "REFUSED" == found["verdict"]


def test_a_greater_loss_can_be_allowed():
    assert "ACCEPTED" == parity(sides([], [1, 2, 3, 4]), "int8", 0.02)["verdict"]


def test_the_counts_are_those_of_a_paired_test():
    found = parity(sides([1, 2], [2, 3, 4]), "int8", 0.1)

    assert (1, 2, 1.0) == (found["only_artifact_right"], found["only_run_right"], found["mcnemar_p"])


def test_several_labels_per_text_are_right_when_all_are():
    true = np.array([[1, 0], [1, 1], [0, 0]])
    after = np.array([[1, 0], [1, 0], [0, 0]])
    chances = np.full((3, 2), 0.5, np.float32)

    found = parity(Sides(true, true, (chances, true), (chances, after)), "int8", 1.0)

    assert (1, 1, 0) == (found["flips"], found["only_run_right"], found["only_artifact_right"])
