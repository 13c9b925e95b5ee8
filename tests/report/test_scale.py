from __future__ import annotations

import math
import random

import pytest

from clsfw.report import scale


def words(made):
    return [told for _, told in made.ticks]


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        ([0, 1], {}, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0.61, 0.68], {}, ["0.62", "0.64", "0.66", "0.68"]),
        ([0, 2700], {"low": 0}, ["0", "500", "1,000", "1,500", "2,000", "2,500"]),
        ([0, 1.5], {}, ["0", "0.25", "0.50", "0.75", "1.00", "1.25", "1.50"]),
        ([1, 2, 3], {"whole": True}, ["1", "2", "3"]),
        ([0, 16], {"whole": True}, ["0", "5", "10", "15"]),
        ([0, 2e-5], {"low": 0}, ["0", "5e-06", "1e-05", "1.5e-05", "2e-05"]),
        ([-3, 3], {}, ["-3", "-2", "-1", "0", "1", "2", "3"]),
        ([1e9, 5e9], {}, ["1e+09", "2e+09", "3e+09", "4e+09", "5e+09"]),
    ],
)
def test_axes_are_labelled_at_round_numbers(values, options, expected):
    assert expected == words(scale.numbers(values, **options))


@pytest.mark.parametrize(
    "values",
    [[], [0.5], [0.0], [5e-324], [0.0, 5e-324], [1e308, -1e308], [1.0, 1.0 + 1e-15], [math.nan, 1.0], [math.inf, 2.0]],
    ids=str,
)
def test_any_numbers_have_a_scale(values):
    made = scale.numbers(values)

    assert math.isfinite(made.low)
    assert made.low < made.high
    assert 1 <= len(made.ticks) <= 9
    assert all(0 <= made.share(value) <= 1 for value in values if math.isfinite(value))


def test_each_label_stands_at_the_number_that_it_says():
    draw = random.Random(1)
    for _ in range(300):
        low = draw.uniform(-1, 1) * 10 ** draw.randint(-6, 8)
        made = scale.numbers([low, low + 10 ** draw.uniform(-6, 8)])

        assert 3 <= len(made.ticks) <= 9
        assert len(made.ticks) == len(set(words(made)))
        step = made.ticks[1][0] - made.ticks[0][0]
        for value, told in made.ticks:
            assert float(told.replace(",", "")) == pytest.approx(value, rel=0, abs=step / 100)
            assert made.low <= value <= made.high


def test_values_outside_are_at_the_ends():
    made = scale.numbers([], low=0.5, high=1.0)

    assert [0.0, 0.5, 1.0] == [made.share(value) for value in (0.1, 0.75, 7)]


def test_equal_factors_are_equally_wide():
    made = scale.factors([0.01, 100])

    assert ["0.01", "0.1", "1", "10", "100"] == words(made)
    assert pytest.approx(made.share(1) - made.share(0.1)) == made.share(100) - made.share(10)


def test_factors_within_one_decade_have_labels_between():
    assert ["2", "5"] == words(scale.factors([1.5, 6]))


def test_many_decades_have_few_labels():
    assert len(scale.factors([1e-30, 1e30]).ticks) <= 8


def test_a_number_without_a_place_among_factors_is_at_the_end():
    assert 0 == scale.factors([0, 1, 10]).share(0)


def test_names_stand_at_their_numbers():
    made = scale.names(["a", "b"])

    assert [(0, "a"), (1, "b")] == made.ticks
    assert [0.25, 0.75] == [made.share(0), made.share(1)]
