from __future__ import annotations

import math
import re

import pytest

from clsfw.report.chart import FIRST, SECOND, Chart, Look
from clsfw.report.scale import numbers


@pytest.fixture
def chart():
    return Chart("c", (374, 194), numbers([0, 1000]), numbers([0, 1]), title="loss", below="step")


def places(picture, line=0):
    """Return the places of a line; the first lines are those that were drawn."""
    points = re.findall(r'<polyline points="([^"]+)"', picture.text)[line]
    return [tuple(map(float, point.split(","))) for point in points.split()]


def test_higher_values_are_higher_and_later_ones_further_right(chart):
    chart.line([(0, 0), (1000, 1)], Look())
    (left, low), (right, high) = places(chart.svg(""))

    assert left < right
    assert low > high


def test_a_long_line_keeps_its_peaks_in_few_points(chart):
    values = [(step, 0.5 + 0.3 * math.sin(step)) for step in range(20_000)]
    values[7777] = (7777, 1.0)
    chart = Chart("c", (374, 194), numbers([0, 20_000]), numbers([0, 1]), title="loss", below="step")
    chart.line(values, Look())
    drawn = places(chart.svg(""))

    assert len(drawn) <= 4 * 374
    assert min(y for _, y in drawn) == pytest.approx(chart.at(0, 1.0)[1], abs=0.01)
    assert drawn == sorted(drawn, key=lambda place: place[0])


def test_few_points_have_dots_and_many_none(chart):
    few, many = ([(step, 0.5) for step in range(count)] for count in (30, 31))
    chart.line(few, Look(), dotted=True)
    with_dots = chart.svg("").text.count("<circle")
    chart.line(many, Look(), dotted=True)

    assert 30 == with_dots == chart.svg("").text.count("<circle")


def test_what_is_no_number_is_left_out(chart):
    chart.line([(0, math.nan), (1, 0.5), (2, math.inf)], Look())
    chart.dots([(3, math.nan)], Look(), label="none")

    assert "nan" not in chart.svg("").text
    assert 1 == len(places(chart.svg("")))
    assert "none<" not in chart.svg("").text


def test_the_key_names_what_was_drawn_and_makes_room_for_itself(chart):
    plain = re.search(r'viewBox="0 0 374 (\d+)"', chart.svg("").text).group(1)
    chart.line([(0, 0)], Look(), label="training")
    chart.line([], Look(), label="validation")
    named = chart.svg("").text

    assert int(plain) < int(re.search(r'viewBox="0 0 374 (\d+)"', named).group(1))
    assert ">training<" in named
    assert "validation" not in named


def test_words_beside_a_mark_stay_within_the_picture(chart):
    chart.mark(100, "cut at 100", SECOND)
    chart.mark(900, "cut at 900", SECOND)
    early, late = re.findall(r"<text[^>]*>cut at \d00<", chart.svg("").text)

    assert "text-anchor" not in early
    assert 'text-anchor="end"' in late


def test_an_empty_bar_is_not_drawn(chart):
    chart.bars([(0, 100, 0, 0), (100, 200, 0, 1)], FIRST)

    assert 1 == chart.svg("").text.count("<rect")


@pytest.mark.parametrize(("shape", "drawn"), [("dot", "<circle"), ("ring", 'fill="none"'), ("cross", "<path")])
def test_dots_have_shapes(chart, shape, drawn):
    chart.dots([(500, 0.5)], Look(shape=shape))

    assert drawn in chart.svg("").text.partition("<polyline")[0]
