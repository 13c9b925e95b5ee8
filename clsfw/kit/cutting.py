"""Shares rows out over splits: arithmetic on row numbers, class ids and keys alone."""

from __future__ import annotations

import math
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
    keys: Sequence[bytes] | None = None,
    classes: NDArray[np.int64] | None = None,
    names: Sequence[str] = (),
) -> dict[str, NDArray[np.int64]]:
    """Return the row numbers of each split, in the order of the rows or, with a seed, shuffled.

    `sizes` are counts (int) or fractions (float); a missing `train` gets what the others leave. Rows with equal `keys`
    stay together. With `classes`, the class ids [N], each split gets each class's share; `names` names them.

    Raises:
        DataError: the splits ask for more than there is, or for what cannot be cut so.

    """
    counts = _counts(sizes, rows)
    # NumPy promises that the legacy generator's stream never changes, so a seed means the same rows for ever.
    order = np.arange(rows) if seed is None else np.random.RandomState(seed).permutation(rows)
    groups = _groups(keys, order)
    exact = not any(isinstance(size, float) for size in sizes.values())
    if classes is None:
        return _fill(groups, order, counts, dict.fromkeys(counts, 0), exact=exact)
    _check_enough(classes, counts, names)
    by_group = classes.copy()  # equal texts with two labels are shared out with the first one's class
    for group in groups:
        by_group[group] = classes[group[0]]
    quotas = _quotas(by_group, counts, len(names))
    chosen: dict[str, list[NDArray[np.int64]]] = {name: [] for name in counts}
    owed = dict.fromkeys(counts, 0)
    for label in range(len(names)):
        own = [group for group in groups if classes[group[0]] == label]
        for name, taken in _fill(own, order, quotas[label], owed, exact=exact).items():
            chosen[name].append(taken)
            owed[name] += quotas[label][name] - len(taken)
    return {name: _in_order(np.concatenate(taken), order) for name, taken in chosen.items()}


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


def _groups(keys: Sequence[bytes] | None, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the rows that must stay together, in the order of their first row."""
    if keys is None:
        return [order[i : i + 1] for i in range(len(order))]
    groups: dict[bytes, list[int]] = {}
    for row in order:
        groups.setdefault(keys[row], []).append(int(row))
    return [np.asarray(rows, dtype=np.int64) for rows in groups.values()]


def _fill(
    groups: Sequence[NDArray[np.int64]],
    order: NDArray[np.int64],
    sizes: Mapping[str, int],
    owed: Mapping[str, int],
    *,
    exact: bool,
) -> dict[str, NDArray[np.int64]]:
    """Fill each split in turn with the next groups that still fit; one too large for the rest of a split waits.

    Unless the sizes are `exact`, groups that fit nowhere then go to the split that is short of most rows, counting what
    earlier classes left it `owed`; the first goes to train if that has none yet, for it must know every class.
    """
    waiting = list(groups)
    taken: dict[str, list[NDArray[np.int64]]] = {name: [] for name in sizes}
    free = dict(sizes)
    for name, size in sizes.items():
        left: list[NDArray[np.int64]] = []
        for group in waiting:
            if len(group) <= free[name]:
                taken[name].append(group)
                free[name] -= len(group)
            else:
                left.append(group)
        if exact and free[name]:
            raise DataError(
                f"the {name} split is {free[name]} row(s) short of {size}: equal texts are kept together and do not "
                "fit; give fractions, leave group_by out, or ask for fewer rows"
            )
        waiting = left
    for group in waiting:
        name = max(free, key=lambda split: free[split] + owed[split])
        if free[name] + owed[name] <= 0:
            break
        name = name if taken["train"] else "train"
        taken[name].append(group)
        free[name] -= len(group)
    empty = np.empty(0, dtype=np.int64)
    return {name: _in_order(np.concatenate([empty, *rows]), order) for name, rows in taken.items()}


def _in_order(rows: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rows[np.argsort(rank[rows], kind="stable")]


def _check_enough(column: NDArray[np.int64], sizes: Mapping[str, int], names: Sequence[str]) -> None:
    have = np.bincount(column, minlength=len(names))
    for name, count in zip(names, have, strict=True):
        if 0 < count < len(sizes):
            raise DataError(
                f"class {name!r} has {count} row(s), too few for a stratified split into {len(sizes)} parts"
            )


def _quotas(column: NDArray[np.int64], sizes: Mapping[str, int], classes: int) -> list[dict[str, int]]:
    """Share each split's size out over the classes by their share of the data, rounding by largest remainder."""
    have = np.bincount(column, minlength=classes)
    quotas: list[dict[str, int]] = [{} for _ in range(classes)]
    free = have.copy()
    for split, size in sizes.items():
        exact = have * (size / len(column))
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
