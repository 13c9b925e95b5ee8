from __future__ import annotations

import re
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from clsfw.report import plots

BINS = [
    {"low": 0.6, "high": 0.8, "rows": 20, "confidence": 0.7, "accuracy": 0.75},
    {"low": 0.8, "high": 0.9, "rows": 5, "confidence": 0.85, "accuracy": 0.8},
]
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
    "rates": lambda: plots.rates([(1, 2e-5), (100, 0.0)]),
    "lengths": lambda: plots.lengths([0, 10, 20], [4, 2], 12),
    "reliability": lambda: plots.reliability(BINS),
}


def found(picture, name):
    """Return the attributes of the elements of a picture that have a name, and their text."""
    every = ET.fromstring(picture.text).iter(name)
    return [{**element.attrib, "words": element.text} for element in every]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_the_same_numbers_give_the_same_bytes(draw):
    assert draw() == draw()


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_colours_come_from_the_page(draw):
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', draw().text))

    assert colours <= {"none", "currentColor", "var(--first)", "var(--second)", "var(--soft)", "var(--page)"} | {
        "url(#confidences-hatch)"
    }
    assert "currentColor" in colours


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_nothing_is_outside_the_picture(draw):
    _, _, width, height = map(float, re.search(r'viewBox="([^"]+)"', draw().text).group(1).split())
    for words in found(draw(), "text"):
        long = 4.5 * len(words["words"])
        x, anchor = float(words["x"]), words.get("text-anchor", "start")
        left = x - {"start": 0, "middle": long / 2, "end": long}[anchor]
        assert 0 <= left < left + long <= width
        assert 8 <= float(words["y"]) <= height
    for line in found(draw(), "polyline"):
        for x, y in (map(float, point.split(",")) for point in line["points"].split()):
            assert -3 <= x <= width
            assert -3 <= y <= height


def test_a_label_is_text_and_no_markup():
    table = SimpleNamespace(**{**vars(TABLE), "labels": ("no", r"<b>& $\frac{1}{2}$")})
    text = plots.curves(table)[0].text
    assert "&lt;b&gt;&amp;" in text
    assert r"$\frac{1}{2}$" in text


def test_names_in_any_script_stay_text():
    assert "映画" in plots.curves(SimpleNamespace(**{**vars(TABLE), "labels": ("no", "映画")}))[0].text


def test_one_class_alone_has_no_curves():
    assert plots.curves(SimpleNamespace(**{**vars(TABLE), "references": np.zeros(4, int)})) is None


def test_the_line_of_validation_is_dashed():
    lines = found(DRAWN["losses"](), "polyline")

    assert {"var(--second)"} == {line["stroke"] for line in lines if "stroke-dasharray" in line}


def test_the_picture_tells_what_it_shows():
    assert 'aria-label="Validation f1 by step"' in plots.course("f1", [(1, 0.5)], []).text


def test_a_score_alone_needs_no_key():
    words = {each["words"] for each in found(plots.course("f1", [(1, 0.5)], []), "text")}

    assert not words & {"this run", "published"}


def test_the_text_lengths_are_as_tall_as_they_are_many():
    tall = [float(bar["height"]) for bar in found(DRAWN["lengths"](), "rect")]

    assert pytest.approx(2, rel=0.01) == tall[0] / tall[1]


def test_wrong_answers_stand_on_the_right_ones_and_are_hatched():
    bars = found(DRAWN["confidences"](), "rect")
    right, wrong, hatched = (
        [bar for bar in bars if bar["fill"] == fill and float(bar["x"]) > 20]
        for fill in ("var(--first)", "var(--second)", "url(#confidences-hatch)")
    )

    for below, above, over in zip(right[:2], wrong[:2], hatched[:2], strict=True):
        assert pytest.approx(float(below["y"])) == float(above["y"]) + float(above["height"])
        assert [above[key] for key in ("x", "y", "width", "height")] == [
            over[key] for key in ("x", "y", "width", "height")
        ]
    assert pytest.approx(3, rel=0.02) == float(right[0]["height"]) / float(wrong[0]["height"])


def test_a_larger_dot_stands_for_more_texts():
    most, fewer = (float(dot["r"]) for dot in found(DRAWN["reliability"](), "circle"))

    assert most > fewer


def test_where_the_model_stops_reading_is_marked_if_any_text_is_longer():
    assert "cut at 12" in DRAWN["lengths"]().text
    assert "cut at" not in plots.lengths([0, 10, 20], [4, 2], 20).text
