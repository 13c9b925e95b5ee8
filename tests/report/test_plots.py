from __future__ import annotations

import re

import pytest

from clsfw.report import plots

BINS = [{"low": 0.8, "high": 0.9, "rows": 5, "confidence": 0.85, "accuracy": 0.8}]
DRAWN = {
    "confusion": lambda: plots.confusion_matrix([[5, 1], [0, 7]], ["a", "b"]),
    "losses": lambda: plots.losses({"training": [(1, 0.7), (2, 0.5)], "validation": [(2, 0.6)]}),
    "course": lambda: plots.course("f1", [(1, 0.7)], [(1, 0.71)]),
    "lengths": lambda: plots.lengths([0, 10, 20], [4, 2], 12),
    "reliability": lambda: plots.reliability(BINS),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_the_same_numbers_give_the_same_bytes(draw):
    assert draw() == draw()


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_colours_come_from_the_page(draw):
    text = draw().text
    assert set(re.findall(r"#[0-9a-f]{6}\b", text)) <= {"#ffffff"}
    assert "#0101" not in text
    assert "currentColor" in text


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_nothing_of_the_clock_the_library_or_another_host_is_left(draw):
    text = draw().text
    assert "matplotlib" not in text.lower()
    assert "http" not in text
    assert "<metadata" not in text


def test_a_label_is_text_and_neither_markup_nor_formula():
    text = plots.confusion_matrix([[1, 0], [0, 1]], ["<b>&", r"$\frac{1}{2}$"]).text
    assert "&lt;b&gt;&amp;" in text
    assert r"$\frac{1}{2}$" in text


def test_names_in_any_script_stay_text():
    assert "映画" in plots.confusion_matrix([[1, 0], [0, 1]], ["映画", "🎬"]).text


def test_a_long_name_is_cut():
    assert "x" * 23 + "…" in plots.confusion_matrix([[1, 0], [0, 1]], ["x" * 500, "b"]).text


def test_many_classes_are_drawn_without_names():
    matrix = [[int(i == j) for j in range(77)] for i in range(77)]
    text = plots.confusion_matrix(matrix, [f"intent {i}" for i in range(77)]).text
    assert "intent 5" not in text
    assert len(text) < 400_000


def test_a_class_without_rows_is_an_empty_line():
    assert "0.0\N{NO-BREAK SPACE}%" in plots.confusion_matrix([[0, 0], [1, 1]], ["a", "b"]).text


def test_the_picture_tells_what_it_shows():
    assert 'aria-label="Validation f1 by step"' in plots.course("f1", [(1, 0.5)], []).text


def test_a_users_own_style_changes_nothing():
    import matplotlib as mpl

    plain = DRAWN["losses"]()
    with mpl.rc_context({"lines.linewidth": 9, "axes.grid": True, "axes.titlesize": 30}):
        assert DRAWN["losses"]() == plain
