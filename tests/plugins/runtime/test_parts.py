"""How tokenized texts are cut into parts."""

from __future__ import annotations

import numpy as np

from clsfw_runtime.parts import parts

IDS = [[5] * length for length in (3, 0, 9, 1, 9, 4)]


def test_every_text_comes_once_the_longest_first():
    rows = [row for part, _, _ in parts(IDS, pad=0, budget=18) for row in part.tolist()]

    assert [2, 4, 5, 0, 1, 3] == rows


def test_no_part_is_larger_than_the_budget_but_one_long_text():
    shapes = [ids.shape for _, ids, _ in parts(IDS, pad=0, budget=8)]

    assert [(1, 9), (1, 9), (2, 4), (2, 1)] == shapes


def test_the_mask_tells_padding_from_text():
    (_, ids, mask), *_ = parts([[7, 8], [9]], pad=0)

    assert [[7, 8], [9, 0]] == ids.tolist()
    assert [[1, 1], [1, 0]] == mask.tolist()


def test_a_text_without_a_token_is_one_of_padding():
    (_, ids, mask), *_ = parts([[]], pad=3)

    assert ([[3]], [[1]]) == (ids.tolist(), mask.tolist())


def test_no_texts_are_no_parts():
    assert [] == list(parts([], pad=0))


def test_ids_are_64_bit_as_the_models_take_them():
    (_, ids, mask), *_ = parts([[1]], pad=0)

    assert (np.int64, np.int64) == (ids.dtype, mask.dtype)
