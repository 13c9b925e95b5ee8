"""Shares rows out over splits: arithmetic on row numbers, class ids and keys alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.integer[Any]]

_CHUNK = 1_000_000


def cut_rows(
    sizes: Mapping[str, float],
    rows: int,
    *,
    seed: int | None = None,
    keys: NDArray[np.uint64] | None = None,
    classes: Ints | None = None,
    names: Sequence[str] = (),
) -> dict[str, Ints]:
    """Return the row numbers of each split, in the order of the rows or, with a seed, shuffled.

    `sizes` are counts (int) or fractions (float); a missing `train` gets what the others leave. Rows with equal `keys`
    stay together. With `classes`, the class ids [N], each split gets each class's share; `names` names them.

    It takes about 14 bytes a row beside its arguments, and 37 with keys.

    Raises:
        DataError: the splits ask for more than there is, or for what cannot be cut so.

    """
    counts = _counts(sizes, rows)
    order = np.arange(rows, dtype=_small(rows))
    if seed is not None:
        # NumPy promises that the legacy generator's stream never changes, so a seed means the same rows for ever.
        np.random.RandomState(seed).shuffle(order)
    groups = _Groups.of(order, keys)
    cut = _Cut(groups, tuple(counts), exact=not any(isinstance(size, float) for size in sizes.values()))
    if classes is None:
        cut.fill(np.arange(len(groups), dtype=order.dtype), counts, dict.fromkeys(counts, 0))
    else:
        _check_enough(classes, counts, names)
        _fill_by_class(cut, classes[groups.first_rows(order)], counts, len(names))
    return {name: order[cut.rows_of(name)] for name in counts}


def _fill_by_class(cut: _Cut, of_group: Ints, counts: Mapping[str, int], number: int) -> None:
    """Fill each split with its share of each class; equal texts with two labels count for the class of the first."""
    quotas = _quotas(of_group, cut.groups.lengths, counts, number)
    owed = dict.fromkeys(counts, 0)
    for label in range(number):
        got = cut.fill(np.flatnonzero(of_group == label), quotas[label], owed)
        for name in counts:
            owed[name] += quotas[label][name] - got[name]


def _small(number: int) -> np.dtype[Any]:
    """Return the smaller type of integers that holds numbers up to this: of many rows each byte counts."""
    return np.dtype(np.int32 if number <= np.iinfo(np.int32).max else np.int64)


def _counts(sizes: Mapping[str, float], rows: int) -> dict[str, int]:
    """Turn fractions into counts, cut at rounded running sums, so that shares adding up to 1 leave no row over."""
    asked = dict(sizes)
    if "train" not in asked:  # then it has what the others leave
        counted = not any(isinstance(size, float) for size in asked.values())
        rest = rows - sum(asked.values()) if counted else 1 - math.fsum(asked.values())
        asked = {"train": max(rest, 0), **asked}
    counts: dict[str, int] = {}
    running = 0.0
    for name, size in asked.items():
        if isinstance(size, float):
            counts[name] = round((running + size) * rows) - round(running * rows)
            running += size
        else:
            counts[name] = size
    total = sum(counts.values())
    if total > rows:
        wanted = ", ".join(f"{name} {size}" for name, size in counts.items())
        raise DataError(f"the splits ask for {total} rows ({wanted}), but the data has {rows}")
    return counts


@dataclass(frozen=True)
class _Groups:
    """Rows that must stay together, N in G groups that are numbered in the order of their first rows.

    `of_row` [N] is the group of each row, `first` [G] where in the order the first row of each group is, `lengths` [G]
    how many rows each has. None of them: each row is alone.
    """

    rows: int
    of_row: Ints | None = None
    first: Ints | None = None
    lengths: Ints | None = None

    @classmethod
    def of(cls, order: Ints, keys: NDArray[np.uint64] | None) -> _Groups:
        """Put the rows with equal keys together."""
        rows, small = len(order), order.dtype
        if keys is None:
            return cls(rows)
        keys = keys[order]
        by_key = np.argsort(keys, kind="stable").astype(small)  # rows with one key stay in their order
        keys = keys[by_key]
        begins = np.ones(rows, np.bool_)
        begins[1:] = keys[1:] != keys[:-1]
        del keys
        first = by_key[begins]
        lengths = np.diff(np.flatnonzero(begins), append=rows).astype(small)
        by_first = np.argsort(first).astype(small)
        number = np.empty_like(by_first)
        number[by_first] = np.arange(len(first), dtype=small)
        of_row = np.empty_like(order)
        of_row[by_key] = np.repeat(number, lengths)
        return cls(rows, of_row, first[by_first], lengths[by_first])

    def __len__(self) -> int:
        return self.rows if self.lengths is None else len(self.lengths)

    def first_rows(self, order: Ints) -> Ints:
        """Return the first row of each group."""
        return order if self.first is None else order[self.first]

    def count(self, chosen: Ints) -> int:
        """Count the rows of some groups."""
        return len(chosen) if self.lengths is None else int(self.lengths[chosen].sum())

    def next_that_fit(self, own: Ints, room: int) -> NDArray[np.bool_]:
        """Return which of some groups are taken one after the other; one that is longer than the room left is not."""
        taken = np.zeros(len(own), dtype=np.bool_)
        if self.lengths is None:
            taken[:room] = True
            return taken
        lengths = self.lengths[own]
        left = np.flatnonzero(lengths <= room)
        while room > 0 and len(left):
            filled = np.cumsum(lengths[left])
            count = int(np.searchsorted(filled, room, side="right"))
            taken[left[:count]] = True
            room -= int(filled[count - 1]) if count else 0
            left = left[count:]
            left = left[lengths[left] <= room]
        return taken


class _Cut:
    """Which split each group is in."""

    def __init__(self, groups: _Groups, splits: Sequence[str], *, exact: bool) -> None:
        self.groups = groups
        self._exact = exact
        self._numbers = {name: number for number, name in enumerate(splits, 1)}
        self._split_of = np.zeros(len(groups), np.uint8)  # 0: in none

    def fill(self, own: Ints, sizes: Mapping[str, int], owed: Mapping[str, int]) -> dict[str, int]:
        """Share out some groups, and return how many rows each split got.

        Each split in turn gets the next of `own` that still fit; one too large for the rest waits. Unless the sizes are
        exact, groups that fit nowhere then go to the split that is short of most rows, counting what earlier classes
        left it `owed`; the first goes to train if that has none of them yet, for it must know every class.
        """
        free = dict(sizes)
        for name, size in sizes.items():
            fits = self.groups.next_that_fit(own, size)
            free[name] -= self._put(own[fits], name)
            own = own[~fits]
            if self._exact and free[name]:
                raise DataError(
                    f"the {name} split is {free[name]} row(s) short of {size}: equal texts are kept together and do "
                    "not fit; give fractions, leave group_by out, or ask for fewer rows"
                )
        for group in own:
            name = max(free, key=lambda split: free[split] + owed[split])
            if free[name] + owed[name] <= 0:
                break
            name = name if free["train"] < sizes["train"] else "train"
            free[name] -= self._put(np.array([group]), name)
        return {name: size - free[name] for name, size in sizes.items()}

    def _put(self, chosen: Ints, name: str) -> int:
        self._split_of[chosen] = self._numbers[name]
        return self.groups.count(chosen)

    def rows_of(self, name: str) -> NDArray[np.bool_]:
        """Return which rows of the order are in a split, [N]."""
        chosen: NDArray[np.bool_] = self._split_of == self._numbers[name]
        return chosen if self.groups.of_row is None else chosen[self.groups.of_row]


def _check_enough(column: Ints, sizes: Mapping[str, int], names: Sequence[str]) -> None:
    have = _count(column, len(names))
    for name, count in zip(names, have, strict=True):
        if 0 < count < len(sizes):
            raise DataError(
                f"class {name!r} has {count} row(s), too few for a stratified split into {len(sizes)} parts"
            )


def _quotas(of_group: Ints, lengths: Ints | None, sizes: Mapping[str, int], classes: int) -> list[dict[str, int]]:
    """Share each split's size out over the classes by their share of the data, rounding by largest remainder."""
    have = _count(of_group, classes, lengths)
    rows = int(have.sum())
    quotas: list[dict[str, int]] = [{} for _ in range(classes)]
    free = have.copy()
    for split, size in sizes.items():
        exact = have * (size / rows)
        share = np.minimum(np.floor(exact).astype(np.int64), free)
        for label in np.argsort(-(exact - np.floor(exact)), kind="stable"):
            if share.sum() < size and share[label] < free[label]:
                share[label] += 1
        for label in np.argsort(-(free - share), kind="stable"):  # what rounding left over, where most rows are free
            missing = size - int(share.sum())
            share[label] += min(missing, int(free[label] - share[label]))
        free -= share
        for label in range(classes):
            quotas[label][split] = int(share[label])
    return quotas


def _count(ids: Ints, classes: int, lengths: Ints | None = None) -> NDArray[np.int64]:
    """Count the rows of each class, [C]; in chunks, since `bincount` copies what it counts to 8 bytes each."""
    have = np.zeros(classes, np.int64)
    for start in range(0, len(ids), _CHUNK):
        part = slice(start, start + _CHUNK)
        # Weights are added up as floats, which is exact: far below 2**53.
        counted = np.bincount(ids[part], None if lengths is None else lengths[part], classes)
        have += counted.astype(np.int64)
    return have
