from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from clsfw.report import plots

pytestmark = pytest.mark.pictures

BINS = [{"low": 0.8, "high": 0.9, "rows": 5, "confidence": 0.85, "accuracy": 0.8}]
TABLE = SimpleNamespace(
    labels=("no", "yes"),
    references=np.array([0, 1, 1, 0]),
    probabilities=np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]], np.float32),
)
DRAWN = {
    "confidences": lambda: plots.confidences(BINS),
    "roc": lambda: plots.curves(TABLE)[0],
    "precision and recall": lambda: plots.curves(TABLE)[1],
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
    table = SimpleNamespace(**{**vars(TABLE), "labels": ("no", r"<b>& $\frac{1}{2}$")})
    text = plots.curves(table)[0].text
    assert "&lt;b&gt;&amp;" in text
    assert r"$\frac{1}{2}$" in text


def test_names_in_any_script_stay_text():
    assert "映画" in plots.curves(SimpleNamespace(**{**vars(TABLE), "labels": ("no", "映画")}))[0].text


def test_one_class_alone_has_no_curves():
    assert plots.curves(SimpleNamespace(**{**vars(TABLE), "references": np.zeros(4, int)})) is None


def test_the_line_of_validation_is_dashed():
    assert "stroke-dasharray" in DRAWN["losses"]().text


def test_the_picture_tells_what_it_shows():
    assert 'aria-label="Validation f1 by step"' in plots.course("f1", [(1, 0.5)], []).text


def test_a_users_own_style_changes_nothing():
    import matplotlib as mpl

    plain = DRAWN["losses"]()
    with mpl.rc_context({"lines.linewidth": 9, "axes.grid": True, "axes.titlesize": 30}):
        assert DRAWN["losses"]() == plain
