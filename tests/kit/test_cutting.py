"""Rows are shared out as they always were, in a few bytes for each."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from datasets import Dataset

from clsfw.kit.cutting import cut_rows
from clsfw.kit.data import take

SIZES = {"train": 0.6, "validation": 0.2, "test": 0.2}
CLASSES = np.arange(20) % 2
KEYS = np.array([*range(16), 0, 1, 2, 2], np.uint64)


class TestSeeds:
    """The rows of a seed are a promise: a split that was published is the same next year."""

    @pytest.mark.parametrize(
        ("arguments", "rows"),
        [
            ({"seed": 7}, ([1, 17, 2, 5, 11, 0, 18, 6, 13, 19, 10, 14], [8, 16, 9, 12], [7, 3, 4, 15])),
            (
                {"seed": 7, "classes": CLASSES, "names": "ab"},
                ([1, 17, 2, 5, 11, 0, 18, 6, 13, 19, 10, 14], [8, 16, 9, 7], [12, 3, 4, 15]),
            ),
            ({"seed": 7, "keys": KEYS}, ([1, 17, 2, 5, 11, 0, 18, 6, 13, 19, 10, 16], [14, 8, 9, 12], [7, 3, 4, 15])),
            (
                {"seed": 7, "classes": CLASSES, "names": "ab", "keys": KEYS},
                ([1, 17, 2, 5, 11, 0, 18, 6, 13, 19, 10, 16], [14, 8, 9, 7], [12, 3, 4, 15]),
            ),
            ({"keys": KEYS}, ([0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19], [8, 9, 10, 11], [12, 13, 14, 15])),
        ],
        ids=["random", "stratified", "grouped", "both", "in-order"],
    )
    def test_the_rows_of_a_seed_stay(self, arguments, rows):
        cut = cut_rows(SIZES, 20, **arguments)

        assert dict(zip(SIZES, rows, strict=True)) == {name: own.tolist() for name, own in cut.items()}

    def test_a_group_that_fits_nowhere_goes_to_the_split_that_is_one_row_short(self):
        cut = cut_rows({"train": 0.75, "test": 0.25}, 4, keys=np.array([1, 1, 2, 2], np.uint64))

        assert [0, 1, 2, 3] == sorted([*cut["train"].tolist(), *cut["test"].tolist()])

    def test_groups_of_classes_leave_no_row_over(self):
        """What rounding takes from a split in one class is owed to it in the next."""
        random = np.random.RandomState(5)
        for _ in range(100):
            rows = random.randint(20, 60)
            keys = np.repeat(np.arange(rows), random.randint(1, 4, rows))[:rows].astype(np.uint64)
            classes = keys.astype(np.int64) % 3  # a group has one class
            cut = cut_rows(SIZES, rows, seed=1, classes=classes, names="abc", keys=keys)

            assert list(range(rows)) == sorted(row for own in cut.values() for row in own.tolist())

    def test_random_rows_are_those_of_numpys_permutation(self):
        cut = cut_rows({"train": 0.5, "test": 0.5}, 1001, seed=3)

        assert np.random.RandomState(3).permutation(1001).tolist() == [*cut["train"].tolist(), *cut["test"].tolist()]

    def test_stratified_rows_are_the_first_of_each_class_in_that_order(self):
        classes = np.random.RandomState(1).randint(0, 3, 300)
        cut = cut_rows({"train": 0.5, "test": 0.5}, 300, seed=3, classes=classes, names="abc")
        order, have = np.random.RandomState(3).permutation(300), Counter(classes[cut["train"]].tolist())

        first = {label: [row for row in order.tolist() if classes[row] == label][: have[label]] for label in have}
        assert [row for row in order.tolist() if row in first[classes[row]]] == cut["train"].tolist()


class TestMemory:
    @pytest.mark.parametrize(("keyed", "most"), [(False, 16), (True, 50)], ids=["each alone", "grouped"])
    def test_a_row_takes_a_few_bytes(self, keyed, most):
        rows = 200_000
        keys = np.random.RandomState(0).randint(0, rows, rows).astype(np.uint64) if keyed else None
        classes = (np.arange(rows) % 77).astype(np.uint8)

        tracemalloc.start()
        cut_rows(SIZES, rows, seed=1, keys=keys, classes=classes, names=[str(i) for i in range(77)])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most * rows


class TestTake:
    DATA = Dataset.from_dict({"text": [f"text {i}" for i in range(10)], "row": list(range(10))})

    @pytest.mark.parametrize("rows", [[3, 1, 8], [4, 5, 6], [6, 5, 4], [2], []], ids=str)
    def test_the_rows_are_those_of_select(self, rows):
        chosen = take(self.DATA, np.array(rows, np.int32))

        assert rows == list(chosen["row"])
        assert self.DATA.features == chosen.features

    def test_rows_of_rows_are_counted_within_them(self):
        chosen = take(take(self.DATA, np.array([9, 3, 5, 0])), np.array([3, 0]))

        assert ["text 0", "text 9"] == list(chosen["text"])

    def test_a_format_stays(self):
        chosen = take(self.DATA.with_format("numpy", columns=["row"]), np.array([3, 1]))

        assert {"row"} == set(chosen[0])

    def test_other_rows_have_another_name_in_caches(self):
        names = {take(self.DATA, np.array(rows))._fingerprint for rows in ([3, 1], [1, 3], [3, 1, 0])}

        assert 3 == len(names)
