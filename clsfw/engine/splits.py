"""Checks what a data source gave, and cuts it into train, validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.contract.parts import Labels
from clsfw.errors import DataError, PluginError
from clsfw.evidence.leakage import hash_texts
from clsfw.kit.cutting import cut_rows
from clsfw.kit.labels import label_counts, numbers
from clsfw.kit.pairs import PAIR, texts_of

if TYPE_CHECKING:
    from datasets import Dataset

    from clsfw.recipe.schema import Split


def labels_of(given: object, owner: object) -> Labels:
    """Read the labels off a dataset's features.

    Raises:
        PluginError: `owner`, the plugin of the data source, broke its contract.

    """
    parts = _parts(given, owner).values()
    found = {_labels_of_one(data, owner) for data in parts}
    if len({PAIR in data.column_names for data in parts}) > 1:
        raise PluginError(f"{owner}: all splits of a data source, or none of them, must have a column {PAIR!r}")
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
        keys=[text.tobytes() for text in hash_texts(texts_of(data)).folded] if split.group_by == "text" else None,
        classes=numbers(data, "label") if stratified else None,
        names=labels.names,
    )
    cut = {**parts, **{name: data.select(rows) for name, rows in chosen.items()}}
    return {name: cut[name] for name in SPLITS if name in cut}


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
    for column in ("text", *({PAIR} & features.keys())):
        if getattr(features[column], "dtype", None) not in {"string", "large_string"}:
            raise PluginError(f"{owner}: column {column!r} must hold strings, not {features[column]}")
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
    columns = [name for name in ("text", "label", PAIR) if name in data.column_names]
    for batch in data.select_columns(columns).with_format("arrow").iter(batch_size=10_000):
        for column in columns:
            if batch[column].null_count:
                raise PluginError(f"{owner}: row {row + batch[column].is_null().index(True).as_py()} has no {column}")
        for given in batch["label"].to_pylist():
            for label in given if labels.multi_label else (given,):
                if label is None or not 0 <= label < len(labels.names):
                    raise PluginError(f"{owner}: the label of row {row} is {label}, which stands for no class")
            row += 1


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
