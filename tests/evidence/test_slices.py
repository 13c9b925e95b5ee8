from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from clsfw.evidence.slices import slices


def cut(true, said, tokens=None, truncated=None, classes=2, **columns):
    rows = len(true)
    return slices(
        np.array(true),
        np.array(said),
        classes,
        tokens=np.array(tokens if tokens is not None else [10] * rows),
        truncated=np.array(truncated if truncated is not None else [False] * rows),
        columns=columns,
    )


def test_length_bands_hold_each_row_once():
    tokens = [1, 64, 65, 512, 513, 5000]
    parts = cut([0] * 6, [0] * 6, tokens)["tokens"]
    assert [(part["value"], part["rows"]) for part in parts] == [
        ("1 to 64", 2),
        ("65 to 128", 1),
        ("257 to 512", 1),
        ("513 to 1024", 1),
        ("over 1024", 1),
    ]


def test_truncated_rows_are_scored_apart():
    parts = cut([0, 1, 0, 1], [0, 1, 1, 0], truncated=[False, False, True, True])["truncated"]
    assert [(part["value"], part["accuracy"]) for part in parts] == [("no", 1.0), ("yes", 0.0)]


def test_f1_of_a_part_is_the_mean_over_the_classes_in_it():
    rng = np.random.default_rng(0)
    true, said = rng.integers(2, size=50), rng.integers(3, size=50)
    part = cut(true, said, classes=5)["tokens"][0]
    assert part["f1"] == pytest.approx(f1_score(true, said, labels=[0, 1], average="macro"))


def test_a_column_of_words_is_cut_by_value():
    parts = cut([0, 0, 1], [0, 1, 1], genre=["drama", "comedy", None])["column genre"]
    assert [(part["value"], part["rows"]) for part in parts] == [("comedy", 1), ("drama", 1), ("missing", 1)]


def test_rare_values_beyond_twenty_are_one_part():
    genres = [f"g{i:02}" for i in range(25)] + [f"g{i:02}" for i in range(19)]
    parts = cut([0] * 44, [0] * 44, genre=genres)["column genre"]
    assert len(parts) == 21
    assert (parts[-1]["value"], parts[-1]["rows"]) == ("5 other values", 5)


def test_a_column_of_many_numbers_is_cut_into_quarters():
    parts = cut([0] * 100, [0] * 100, year=list(range(1900, 2000)))["column year"]
    assert [part["rows"] for part in parts] == [25, 25, 25, 25]


def test_numbers_that_are_none_make_a_part_of_their_own():
    parts = cut([0] * 101, [0] * 101, year=[float(year) for year in range(1900, 2000)] + [float("nan")])["column year"]
    assert (parts[-1]["value"], parts[-1]["rows"]) == ("not a number", 1)


def test_values_that_differ_by_an_invisible_end_stay_apart():
    parts = cut([0, 0], [0, 0], source=["a", "a\0"])["column source"]
    assert len(parts) == 2


def test_a_column_that_names_every_row_is_not_cut():
    assert cut([0] * 50, [0] * 50, title=[f"title {i}" for i in range(50)])["column title"] == []


def test_an_endless_value_is_shown_short():
    parts = cut([0, 0], [0, 0], source=["x" * 500, "y"])["column source"]
    assert parts[0]["value"] == "x" * 59 + "…"


def test_a_row_of_several_labels_is_right_where_all_are():
    true, said = [[1, 0], [0, 1], [1, 1]], [[1, 0], [0, 1], [1, 0]]
    part = cut(true, said)["tokens"][0]
    assert part["accuracy"] == pytest.approx(2 / 3)
