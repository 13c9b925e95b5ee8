"""Cuts what a data source gave into train, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.errors import DataError
from clsfw.evidence.leakage import hash_texts
from clsfw.kit.cutting import cut_rows
from clsfw.kit.data import check_rows, parts_of, take
from clsfw.kit.labels import label_counts, numbers
from clsfw.kit.pairs import texts_of

if TYPE_CHECKING:
    from datasets import Dataset

    from clsfw.contract.parts import Labels
    from clsfw.recipe.schema import Split


def make_splits(given: object, split: Split | None, labels: Labels, seed: int, owner: object) -> dict[str, Dataset]:
    """Cut a dataset as the recipe says, or take the splits that the source gave; every split gets a `row` column.

    Raises:
        PluginError: a row has no text, no label, or one that is not a class: `owner` broke its contract.
        DataError: the splits ask for more than there is, or a class is missing where one is needed.

    """
    parts = {name: _with_rows(data) for name, data in parts_of(given, owner).items()}
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
        cut = _cut_train(parts, split, labels, seed if split.seed is None else split.seed)
    if split is not None and split.keep_test_closed:
        cut.pop("test", None)
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
    stratified = split.method == "stratified"
    if stratified and labels.multi_label:
        raise DataError('a stratified split needs one label per text; use `method = "random"`')
    chosen = cut_rows(
        split.sizes,
        len(data),
        seed=None if split.method == "in-order" else seed,
        keys=hash_texts(texts_of(data)).folded if split.group_by == "text" else None,
        classes=numbers(data, "label", np.min_scalar_type(len(labels.names))) if stratified else None,
        names=labels.names,
    )
    cut = {**parts, **{name: take(data, rows) for name, rows in chosen.items()}}
    return {name: cut[name] for name in SPLITS if name in cut}


def _with_rows(data: Dataset) -> Dataset:
    return data if "row" in data.column_names else data.add_column("row", np.arange(len(data), dtype=np.int64))


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
