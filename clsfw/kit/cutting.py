"""Shares rows out over splits: arithmetic on row numbers, class ids and keys alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clsfw.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def cut_rows(
    sizes: Mapping[str, float],
    rows: int,
    *,
    seed: int | None = None,
    keys: NDArray[np.uint64] | None = None,
    classes: NDArray[np.int64] | None = None,
    names: Sequence[str] = (),
) -> dict[str, NDArray[np.int64]]:
    """Return the row numbers of each split, in the order of the rows or, with a seed, shuffled.

    `sizes` are counts (int) or fractions (float); a missing `train` gets what the others leave. Rows with equal `keys`
    stay together. With `classes`, the class ids [N], each split gets each class's share; `names` names them.

    It takes about 40 bytes a row beside its arguments, and more with keys.

    Raises:
        DataError: the splits ask for more than there is, or for what cannot be cut so.

    """
    counts = _counts(sizes, rows)
    # NumPy promises that the legacy generator's stream never changes, so a seed means the same rows for ever.
    order = np.arange(rows) if seed is None else np.random.RandomState(seed).permutation(rows)
    groups = _Groups.of(order, keys)
    exact = not any(isinstance(size, float) for size in sizes.values())
    if classes is None:
        every = np.arange(len(groups))
        chosen = {k: [v] for k, v in _fill(every, groups, counts, dict.fromkeys(counts, 0), exact=exact).items()}
    else:
        _check_enough(classes, counts, names)
        chosen = _by_class(groups, classes, counts, len(names), exact=exact)
    return {name: groups.in_order(order, np.concatenate(own)) for name, own in chosen.items()}


def _by_class(
    groups: _Groups, classes: NDArray[np.int64], counts: Mapping[str, int], number: int, *, exact: bool
) -> dict[str, list[NDArray[np.int64]]]:
    """Return the groups of each split, of which each class has its share."""
    of_group = classes[groups.first()]  # equal texts with two labels are shared out with the first one's class
    quotas = _quotas(of_group, groups.lengths, counts, number)
    chosen: dict[str, list[NDArray[np.int64]]] = {name: [] for name in counts}
    owed = dict.fromkeys(counts, 0)
    for label in range(number):
        for name, taken in _fill(np.flatnonzero(of_group == label), groups, quotas[label], owed, exact=exact).items():
            chosen[name].append(taken)
            owed[name] += quotas[label][name] - groups.count(taken)
    return chosen


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
    """Rows that must stay together, group after group in the order of their first row; `lengths` None: each alone."""

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, order: NDArray[np.int64], keys: NDArray[np.uint64] | None) -> _Groups:
        """Put the rows with equal keys together."""
        if keys is None:
            return cls(order)
        _, first, group = np.unique(keys[order], return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        group = rank[group]
        return cls(order[np.argsort(group, kind="stable")], np.bincount(group, minlength=len(first)))

    def __len__(self) -> int:
        return len(self.rows) if self.lengths is None else len(self.lengths)

    def first(self) -> NDArray[np.int64]:
        """Return the first row of each group."""
        return self.rows if self.lengths is None else self.rows[np.cumsum(self.lengths) - self.lengths]

    def count(self, chosen: NDArray[np.int64]) -> int:
        """Count the rows of some groups."""
        return len(chosen) if self.lengths is None else int(self.lengths[chosen].sum())

    def in_order(self, order: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of some groups, as they are in `order`."""
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[chosen] = True
        if self.lengths is None:
            return order[mask]
        of_row = np.zeros(len(order), dtype=np.bool_)
        of_row[self.rows[np.repeat(mask, self.lengths)]] = True
        return order[of_row[order]]

    def next_that_fit(self, own: NDArray[np.int64], room: int) -> NDArray[np.bool_]:
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


def _fill(
    own: NDArray[np.int64],
    groups: _Groups,
    sizes: Mapping[str, int],
    owed: Mapping[str, int],
    *,
    exact: bool,
) -> dict[str, NDArray[np.int64]]:
    """Return the groups of each split: the next of `own` that still fit, in turn; one too large for the rest waits.

    Unless the sizes are `exact`, groups that fit nowhere then go to the split that is short of most rows, counting what
    earlier classes left it `owed`; the first goes to train if that has none yet, for it must know every class.
    """
    waiting = own
    taken: dict[str, list[NDArray[np.int64]]] = {}
    free = dict(sizes)
    for name, size in sizes.items():
        fits = groups.next_that_fit(waiting, size)
        taken[name], waiting = [waiting[fits]], waiting[~fits]
        free[name] = size - groups.count(taken[name][0])
        if exact and free[name]:
            raise DataError(
                f"the {name} split is {free[name]} row(s) short of {size}: equal texts are kept together and do not "
                "fit; give fractions, leave group_by out, or ask for fewer rows"
            )
    for group in waiting:
        name = max(free, key=lambda split: free[split] + owed[split])
        if free[name] + owed[name] <= 0:
            break
        name = name if any(map(len, taken["train"])) else "train"
        taken[name].append(np.array([group]))
        free[name] -= groups.count(taken[name][-1])
    return {name: np.concatenate(chosen) for name, chosen in taken.items()}


def _check_enough(column: NDArray[np.int64], sizes: Mapping[str, int], names: Sequence[str]) -> None:
    have = np.bincount(column, minlength=len(names))
    for name, count in zip(names, have, strict=True):
        if 0 < count < len(sizes):
            raise DataError(
                f"class {name!r} has {count} row(s), too few for a stratified split into {len(sizes)} parts"
            )


def _quotas(
    of_group: NDArray[np.int64], lengths: NDArray[np.int64] | None, sizes: Mapping[str, int], classes: int
) -> list[dict[str, int]]:
    """Share each split's size out over the classes by their share of the data, rounding by largest remainder."""
    have = np.bincount(of_group, weights=lengths, minlength=classes).astype(np.int64)  # exact: far below 2**53
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
