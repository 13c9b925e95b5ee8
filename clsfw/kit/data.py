"""What the contract says of data, checked: splits, columns, and that each row has a text and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.contract.parts import Labels
from clsfw.errors import PluginError
from clsfw.kit.labels import numbers
from clsfw.kit.pairs import PAIR

if TYPE_CHECKING:
    from datasets import Dataset


def labels_of(given: object, owner: object) -> Labels:
    """Read the labels off a dataset's features.

    Raises:
        PluginError: `owner`, the plugin of the data source, broke its contract.

    """
    parts = parts_of(given, owner).values()
    found = {_labels_of_one(data, owner) for data in parts}
    if len({PAIR in data.column_names for data in parts}) > 1:
        raise PluginError(f"{owner}: all splits of a data source, or none of them, must have a column {PAIR!r}")
    if len(found) != 1:
        raise PluginError(f"{owner}: the splits of a data source must share one `label` feature, but they differ")
    return found.pop()


def parts_of(given: object, owner: object) -> dict[str, Dataset]:
    """Return the splits that a data source gave; one dataset alone is called train.

    Raises:
        PluginError: `owner` gave something else.

    """
    parts: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {"train": given}
    for name, data in parts.items():
        if name not in SPLITS:
            raise PluginError(f"{owner}: {name!r} is not a split; a data source may give {', '.join(SPLITS)}")
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
        rising = bool((found[1:] > found[:-1]).all())  # as they mostly are; then nothing has to be sorted
        if (found < 0).any() or not (rising or len(np.unique(found)) == len(found)):
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
