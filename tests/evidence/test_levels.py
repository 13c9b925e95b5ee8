from __future__ import annotations

import pytest

from clsfw.evidence.levels import levels

LABELS = ["food/fruit/apple", "food/fruit/pear", "food/bread", "tool"]
MATRIX = [[3, 1, 0, 0], [0, 4, 0, 0], [2, 0, 2, 0], [0, 0, 1, 5]]


def test_names_without_parts_have_no_levels():
    assert levels(["a", "b"], [[1, 0], [0, 1]]) == []


def test_names_with_nothing_in_common_have_no_levels():
    assert levels(["a/x", "b/y"], [[1, 0], [0, 1]]) == []


def test_each_level_counts_a_mistake_within_a_class_as_right():
    found = levels(LABELS, MATRIX)
    assert [list(level.classes) for level in found] == [
        ["food", "tool"],
        ["food/fruit", "food/bread", "tool"],
        LABELS,
    ]
    assert [level.macro["accuracy"] for level in found] == [17 / 18, 15 / 18, 14 / 18]


def test_precision_recall_and_f1_are_those_of_the_joined_classes():
    food = levels(LABELS, MATRIX)[0].classes["food"]
    assert food == {"precision": pytest.approx(12 / 13), "recall": 1.0, "f1": pytest.approx(24 / 25), "support": 12}


def test_macro_averages_are_plain_means():
    top = levels(LABELS, MATRIX)[0]
    assert top.macro["f1"] == pytest.approx((24 / 25 + 10 / 11) / 2)
