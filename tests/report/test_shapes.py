from __future__ import annotations

import pytest

from clsfw.report import shapes

NAMES = [f"intent {i}" for i in range(77)]
RIGHT = [[5 * (i == j) for j in range(77)] for i in range(77)]


def confused(*pairs):
    return [[3 if (i, j) in pairs else count for j, count in enumerate(row)] for i, row in enumerate(RIGHT)]


def scores(f1, *limits):
    return {"precision": f1, "recall": f1, "f1": f1, "support": 5, "intervals": {"f1": limits} if limits else {}}


def test_every_class_has_its_name_at_its_row_and_its_column():
    text = shapes.mistakes_matrix(RIGHT, NAMES).text
    assert text.count(">intent 76<") == 2


def test_a_mistake_says_what_was_taken_for_what():
    text = shapes.mistakes_matrix(confused((4, 60)), NAMES).text
    assert "<title>intent 4 → intent 60: 3</title>" in text


def test_one_mistake_is_drawn_as_large_where_no_class_has_more():
    one = [[5, 1], [0, 500]]
    assert 'width="11.0"' in shapes.mistakes_matrix(one, ["a", "b"]).text


def test_classes_that_are_confused_stand_side_by_side():
    order = shapes.similar(confused((4, 60), (10, 33)), 77)
    assert abs(order.index(4) - order.index(60)) == 1
    assert abs(order.index(10) - order.index(33)) == 1


def test_of_too_many_classes_those_with_mistakes_are_drawn():
    assert sorted(shapes.similar(confused((4, 60)), 2)) == [4, 60]


@pytest.mark.parametrize("hostile", ["<b>&", "\x1b[2J"])
def test_names_are_text(hostile):
    text = shapes.mistakes_matrix([[1, 1], [0, 1]], [hostile, "b"]).text + shapes.dots({hostile: scores(0.5)}).text
    assert "<b>" not in text
    assert "\x1b" not in text


def test_a_long_name_is_cut():
    assert ">" + "x" * 25 + "…<" in shapes.mistakes_matrix([[1, 0], [0, 1]], ["x" * 500, "b"]).text


def test_dots_begin_with_the_weakest_class():
    text = shapes.dots({"good": scores(0.9), "weak": scores(0.2, 0.1, 0.3)}).text
    assert text.index(">weak<") < text.index(">good<")
    assert 'aria-label="F1 of each class, from 0.20 (weak) to 0.90 (good)"' in text
