"""Checks what a data source gave, and cuts it into train, validation and test."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.contract.parts import Labels
from clsfw.errors import DataError, PluginError
from clsfw.evidence.leakage import fold
from clsfw.kit.labels import numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.recipe.schema import Split


def labels_of(given: object, owner: object) -> Labels:
    """Read the labels off a dataset's features.

    Raises:
        PluginError: `owner`, the plugin of the data source, broke its contract.

    """
    found = {_labels_of_one(data, owner) for data in _parts(given, owner).values()}
    if len(found) != 1:
        raise PluginError(f"{owner}: the splits of a data source must share one `label` feature, but they differ")
    return found.pop()


def make_splits(given: object, split: Split | None, labels: Labels, seed: int, owner: object) -> dict[str, Dataset]:
    """Cut a dataset as the recipe says, or take the splits that the source gave; every split gets a `row` column.

    Raises:
        PluginError: a row has no text, no label, or one that is no class: `owner` broke its contract.
        DataError: the splits ask for more than there is, or a class is missing where one is needed.

    """
    parts = {name: _with_rows(data) for name, data in _parts(given, owner).items()}
    if not any(len(data) for data in parts.values()):
        raise DataError("the data has no rows; look at what [data] names, and at settings that choose among rows")
    for data in parts.values():
        check_rows(data, labels, owner)
    if "train" not in parts:
        raise DataError(f"the data has no train split, only {', '.join(sorted(parts))}")
    if split is None or split.method == "given":
        if not isinstance(given, Mapping):
            raise DataError("the data has no splits of its own; say how to cut it in a [split] table")
        cut = {name: parts[name] for name in SPLITS if name in parts}
    else:
        cut = _cut_train(parts, split, labels, seed)
    for name, data in cut.items():
        if len(data) == 0:
            raise DataError(f"the {name} split is empty")
    _check_classes(cut, labels)
    return cut


def _cut_train(parts: Mapping[str, Dataset], split: Split, labels: Labels, seed: int) -> dict[str, Dataset]:
    """Cut what is called train; other splits that the data brings stay as they are."""
    own = [name for name in split.sizes if name != "train" and name in parts]
    if own:
        raise DataError(f"the data brings its own {own[0]} split; leave {own[0]} out of [split]")
    data = parts["train"]
    chosen = _choose(data, split, _sizes(split, len(data)), labels, seed)
    cut = {**parts, **{name: data.select(rows) for name, rows in chosen.items()}}
    return {name: cut[name] for name in SPLITS if name in cut}


def label_counts(data: Dataset, labels: Labels) -> dict[str, int]:
    """Count the texts of each class, by the classes' names."""
    counts = np.zeros(len(labels.names), dtype=np.int64)
    for batch in data.select_columns("label").iter(batch_size=10_000):
        ids = [i for row in batch["label"] for i in row] if labels.multi_label else batch["label"]
        counts += np.bincount(np.asarray(ids, dtype=np.int64), minlength=len(labels.names))
    return {name: int(count) for name, count in zip(labels.names, counts, strict=True)}


def fingerprint(data: Dataset) -> str:
    """Hash the texts and labels of a split in their order, in memory that does not grow with it."""
    digest = hashlib.sha256()
    for batch in data.select_columns(["text", "label"]).iter(batch_size=1_000):
        for text, label in zip(batch["text"], batch["label"], strict=True):
            digest.update(f"{label}\0{text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _parts(given: object, owner: object) -> dict[str, Dataset]:
    parts: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {"train": given}
    for name, data in parts.items():
        if name not in SPLITS:
            raise PluginError(f"{owner}: {name!r} is no split; a data source may give {', '.join(SPLITS)}")
        if not hasattr(data, "features") or not hasattr(data, "select"):
            raise PluginError(
                f"{owner}: a data source must give a datasets.Dataset or DatasetDict, not {type(data).__name__}"
            )
    if not parts:
        raise PluginError(f"{owner}: the data source gave no data")
    return parts


def _labels_of_one(data: Dataset, owner: object) -> Labels:
    features = data.features
    for column in ("text", "label"):
        if column not in features:
            raise PluginError(f"{owner}: the data has no column {column!r}, only {', '.join(map(repr, features))}")
    if getattr(features["text"], "dtype", None) not in {"string", "large_string"}:
        raise PluginError(f"{owner}: column 'text' must hold strings, not {features['text']}")
    feature = features["label"]
    inner = getattr(feature, "feature", None)
    names = getattr(inner if inner is not None else feature, "names", None)
    if not names:
        raise PluginError(f"{owner}: column 'label' must be a ClassLabel, or a list of them, not {feature}")
    return Labels(tuple(names), multi_label=inner is not None)


def check_rows(data: Dataset, labels: Labels, owner: object) -> None:
    """See that each row has a text, labels that stand for classes, and a number of its own in `row`, where that is.

    Raises:
        PluginError: one has not; `owner`, the plugin of the data source, broke its contract.

    """
    if "row" in data.column_names:
        sound = getattr(data.features["row"], "dtype", None) == "int64" and not data.data["row"].null_count
        found = numbers(data, "row") if sound else np.array([-1])
        if (found < 0).any() or len(np.unique(found)) < len(found):
            raise PluginError(f"{owner}: column 'row' must hold different int64 numbers from 0")
    row = 0
    for batch in data.select_columns(["text", "label"]).with_format("arrow").iter(batch_size=10_000):
        for column in ("text", "label"):
            if batch[column].null_count:
                raise PluginError(f"{owner}: row {row + batch[column].is_null().index(True).as_py()} has no {column}")
        for given in batch["label"].to_pylist():
            for label in given if labels.multi_label else (given,):
                if label is None or not 0 <= label < len(labels.names):
                    raise PluginError(f"{owner}: the label of row {row} is {label}, which stands for no class")
            row += 1


def _with_rows(data: Dataset) -> Dataset:
    return data if "row" in data.column_names else data.add_column("row", np.arange(len(data), dtype=np.int64))


def _sizes(split: Split, rows: int) -> dict[str, int]:
    """Turn fractions into counts, cut at rounded running sums, so that shares adding up to 1 leave no row over."""
    asked = dict(split.sizes)
    if "train" not in asked:  # then it has what the others leave
        counted = not any(isinstance(size, float) for size in asked.values())
        rest = rows - sum(asked.values()) if counted else 1 - math.fsum(asked.values())
        asked = {"train": max(rest, 0), **asked}
    sizes: dict[str, int] = {}
    running = 0.0
    for name, size in asked.items():
        if isinstance(size, float):
            sizes[name] = round((running + size) * rows) - round(running * rows)
            running += size
        else:
            sizes[name] = size
    total = sum(sizes.values())
    if total > rows:
        wanted = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise DataError(f"the splits ask for {total} rows ({wanted}), but the data has {rows}")
    return sizes


def _choose(
    data: Dataset, split: Split, sizes: Mapping[str, int], labels: Labels, seed: int
) -> dict[str, NDArray[np.int64]]:
    # NumPy promises that the legacy generator's stream never changes, so a seed means the same rows for ever.
    shuffled = split.method != "in-order"
    order = np.random.RandomState(seed).permutation(len(data)) if shuffled else np.arange(len(data))
    groups = _groups(data, order, by_text=split.group_by == "text")
    exact = not any(isinstance(size, float) for size in split.sizes.values())
    if split.method != "stratified":
        return _fill(groups, order, sizes, dict.fromkeys(sizes, 0), exact=exact)
    if labels.multi_label:
        raise DataError('a stratified split needs one label per text; use `method = "random"`')
    column = numbers(data, "label")
    _check_enough(column, sizes, labels)
    by_group = column.copy()  # equal texts with two labels are shared out with the first one's class
    for group in groups:
        by_group[group] = column[group[0]]
    quotas = _quotas(by_group, sizes, labels)
    chosen: dict[str, list[NDArray[np.int64]]] = {name: [] for name in sizes}
    owed = dict.fromkeys(sizes, 0)
    for label in range(len(labels.names)):
        own = [group for group in groups if column[group[0]] == label]
        for name, rows in _fill(own, order, quotas[label], owed, exact=exact).items():
            chosen[name].append(rows)
            owed[name] += quotas[label][name] - len(rows)
    return {name: _in_order(np.concatenate(rows), order) for name, rows in chosen.items()}


def _groups(data: Dataset, order: NDArray[np.int64], *, by_text: bool) -> list[NDArray[np.int64]]:
    """Return the rows that must stay together, in the order of their first row; equal texts are equal after folding."""
    if not by_text:
        return [order[i : i + 1] for i in range(len(order))]
    keys = [hashlib.sha256(fold(text).encode("utf-8", "surrogatepass")).digest() for text in data["text"]]
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


def _check_enough(column: NDArray[np.int64], sizes: Mapping[str, int], labels: Labels) -> None:
    have = np.bincount(column, minlength=len(labels.names))
    for name, count in zip(labels.names, have, strict=True):
        if 0 < count < len(sizes):
            raise DataError(
                f"class {name!r} has {count} row(s), too few for a stratified split into {len(sizes)} parts"
            )


def _quotas(column: NDArray[np.int64], sizes: Mapping[str, int], labels: Labels) -> list[dict[str, int]]:
    """Share each split's size out over the classes by their share of the data, rounding by largest remainder."""
    have = np.bincount(column, minlength=len(labels.names))
    quotas: list[dict[str, int]] = [{} for _ in labels.names]
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
        for label in range(len(labels.names)):
            quotas[label][split] = int(share[label])
    return quotas


def _check_classes(cut: Mapping[str, Dataset], labels: Labels) -> None:
    counts = {name: label_counts(data, labels) for name, data in cut.items()}
    present = [name for name, count in counts["train"].items() if count]
    if len(present) < 2 and not labels.multi_label:  # noqa: PLR2004  # a choice needs two classes
        raise DataError(
            f"the train split has one class only ({', '.join(map(repr, present))}); there is nothing to learn"
        )
    for split in ("validation", "test"):
        for name, count in counts.get(split, {}).items():
            if count and not counts["train"][name]:
                raise DataError(f"class {name!r} is in the {split} split ({count} rows), but never in train")
