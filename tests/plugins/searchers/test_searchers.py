"""`random` and `grid`: pure, within the space, and as they are described."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clsfw import Range
from clsfw.studies.space import holds
from clsfw_searchers import GridSettings
from clsfw_searchers.drawn import RandomSearcher
from clsfw_searchers.grid import GridSearcher, axis, parts


def drawn(within, count=4000, seed=1):
    searcher = RandomSearcher()
    return [searcher.ask({"x": within}, [], number, seed)["x"] for number in range(1, count + 1)]


class TestRandom:
    def test_a_range_is_drawn_evenly(self):
        values = drawn(Range(2.0, 4.0))

        assert 2.97 < sum(values) / len(values) < 3.03
        assert 2.0 <= min(values) < 2.01
        assert 3.99 < max(values) <= 4.0

    def test_log_draws_each_factor_as_often(self):
        values = [math.log10(value) for value in drawn(Range(1e-6, 1e-2, log=True))]

        assert -4.05 < sum(values) / len(values) < -3.95

    @pytest.mark.parametrize("within", [Range(1, 4), Range(choices=(1, 2, 3, 4)), Range(1, 4, step=1)])
    def test_whole_numbers_and_choices_come_up_equally_often(self, within):
        values = drawn(within)

        assert all(900 < values.count(value) < 1100 for value in (1, 2, 3, 4))
        assert {int} == set(map(type, values))

    def test_a_step_keeps_to_its_values(self):
        assert {64, 128, 192, 256} == set(drawn(Range(64, 256, step=64), 200))

    def test_a_trial_is_the_same_whatever_came_before(self):
        space = {"a": Range(0.0, 1.0), "b": Range(choices=("x", "y"))}

        assert RandomSearcher().ask(space, [], 9, 3) == RandomSearcher().ask(space, [object()], 9, 3)

    def test_another_seed_is_another_search(self):
        assert drawn(Range(0.0, 1.0), 3, seed=1) != drawn(Range(0.0, 1.0), 3, seed=2)

    @given(
        low=st.floats(1e-8, 1e3),
        factor=st.floats(1.001, 1e6),
        log=st.booleans(),
        number=st.integers(1, 10**6),
    )
    @settings(max_examples=200, deadline=None)
    def test_every_value_lies_within(self, low, factor, log, number):
        within = Range(low, low * factor, log=log)

        assert holds(within, RandomSearcher().ask({"x": within}, [], number, 42)["x"])


class TestGrid:
    SPACE = {"a": Range(choices=("x", "y")), "b": Range(0.0, 1.0), "c": Range(10, 30, step=10)}  # noqa: RUF012  # not changed

    def test_every_combination_once_the_last_setting_changing_fastest(self):
        searcher = GridSearcher(points=2)
        found = [tuple(searcher.ask(self.SPACE, [], number, 42).values()) for number in range(1, 13)]

        assert [(a, b, c) for a in "xy" for b in (0.0, 1.0) for c in (10, 20, 30)] == found

    def test_behind_the_last_one_nothing_is_left(self):
        assert GridSearcher(points=2).ask(self.SPACE, [], 13, 42) is None

    def test_points_go_from_end_to_end_by_factors_where_log_is_set(self):
        assert (1e-5, pytest.approx(1e-4), 1e-3) == axis(Range(1e-5, 1e-3, log=True), 3)

    def test_whole_numbers_are_not_tried_twice(self):
        assert (1, 2) == axis(Range(1, 2), 5)

    def test_fewer_trials_than_parts_are_told(self):
        (told,) = GridSettings(points=2).check_space(self.SPACE, 11)

        assert "the grid has 12 parts, more than 11 trials; give trials = 12, or fewer values" == told
        assert [] == list(GridSettings(points=2).check_space(self.SPACE, parts(self.SPACE, 2)))
