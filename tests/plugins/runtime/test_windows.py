"""Windows over long texts: which tokens each of them has."""

from __future__ import annotations

import numpy as np
import pytest

from clsfw_runtime.windows import Windows

EIGHT = Windows(8, 2, "mean", (1, 1))


def test_neighbours_share_so_many_tokens_and_each_has_the_special_ones():
    windows, counts = EIGHT.split([[0, *range(10, 22), 1], [0, 5, 1]])

    assert windows == [
        [0, 10, 11, 12, 13, 14, 15, 1],
        [0, 14, 15, 16, 17, 18, 19, 1],
        [0, 18, 19, 20, 21, 1],
        [0, 5, 1],
    ]
    assert counts.tolist() == [3, 1]


@pytest.mark.parametrize(("tokens", "count"), [(1, 1), (8, 1), (9, 2), (12, 2), (13, 3), (16, 3)])
def test_the_last_window_ends_where_the_text_does(tokens, count):
    windows, counts = EIGHT.split([list(range(tokens))])

    assert (counts.tolist(), len(windows)) == ([count], count)
    assert sorted({token for window in windows for token in window}) == list(range(tokens))
    assert max(map(len, windows)) <= 8


def test_no_texts():
    windows, counts = EIGHT.split([])

    assert (windows, counts.tolist()) == ([], [])


def test_counts_are_known_before_anything_is_cut():
    lengths = np.arange(1, 40)

    assert np.array_equal(EIGHT.counts(lengths), EIGHT.cut(lengths).counts)
