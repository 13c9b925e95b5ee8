"""What the contract says of data, checked: splits, columns, and that each row has a text and labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.contract.parts import Labels
from clsfw.errors import PluginError
from clsfw.kit.labels import numbers
from clsfw.kit.pairs import PAIR
from clsfw.kit.table import Table, integers, mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from datasets import Dataset
    from numpy.typing import NDArray

_BATCH = 10_000


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
        if isinstance(data, Path):
            parts[name] = _opened(data, owner)
        elif not isinstance(data, Table) and (not hasattr(data, "features") or not hasattr(data, "select")):
            raise PluginError(
                f"{owner}: a data source must give a datasets.Dataset or DatasetDict, or paths of Arrow files, not "
                f"{type(data).__name__}"
            )
    if not parts:
        raise PluginError(f"{owner}: the data source gave no data")
    return parts


def _opened(path: Path, owner: object) -> Table:
    import pyarrow as pa

    try:
        return Table(path)
    except (pa.ArrowException, OSError) as exc:
        raise PluginError(f"{owner}: the data source gave {path}, which is not an Arrow file: {exc}") from exc


def _labels_of_one(data: Dataset, owner: object) -> Labels:
    if isinstance(data, Table) and (found := data.classes()) is not None:
        return Labels(*found)
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
        sound = _is_int64(data, "row") and not any(batch["row"].null_count for batch in _batches(data, ["row"]))
        if not sound or not (_rises_from_0(data) or _differ_from_0(numbers(data, "row"))):
            raise PluginError(f"{owner}: column 'row' must hold different int64 numbers from 0")
    row = 0
    columns = [name for name in ("text", "label", PAIR) if name in data.column_names]
    for batch in _batches(data, columns):
        for column in columns:
            if batch[column].null_count:
                raise PluginError(f"{owner}: row {row + batch[column].is_null().index(True).as_py()} has no {column}")
        given: Iterable[tuple[int, Any]]
        if labels.multi_label:
            given = ((i, label) for i, every in enumerate(batch["label"].to_pylist()) for label in every)
        else:
            ids = integers(batch["label"])
            given = ((i, ids[i]) for i in np.flatnonzero((ids < 0) | (ids >= len(labels.names))).tolist())
        for i, label in given:
            if label is None or not 0 <= label < len(labels.names):
                raise PluginError(f"{owner}: the label of row {row + i} is {label}, which stands for no class")
        row += len(batch)


def _is_int64(data: Dataset, column: str) -> bool:
    if isinstance(data, Table):
        return str(data.type_of(column)) == "int64"
    return getattr(data.features[column], "dtype", None) == "int64"


def _batches(data: Dataset, columns: list[str]) -> Iterator[Any]:
    """Return some columns as Arrow tables of at most `_BATCH` rows."""
    chosen = data.select_columns(columns)
    if isinstance(chosen, Table):
        return chosen.batches(_BATCH)
    return iter(chosen.with_format("arrow").iter(batch_size=_BATCH))


def _rises_from_0(data: Dataset) -> bool:
    """Return whether row numbers rise, as they mostly do; then nothing has to be held or sorted."""
    last = -1
    for batch in _batches(data, ["row"]):
        found = integers(batch["row"])
        if found[0] <= last or not (found[1:] > found[:-1]).all():
            return False
        last = found[-1]
    return True


def _differ_from_0(found: NDArray[np.int64]) -> bool:
    return not (found < 0).any() and len(np.unique(found)) == len(found)


def take(data: Dataset, rows: NDArray[np.integer[Any]]) -> Dataset:
    """Return some rows of a dataset, as its `select` does."""
    if not isinstance(data, Table):
        return mapped(data, rows)
    in_a_row = len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (rows[1:] > rows[:-1]).all()
    return data.select(range(int(rows[0]), int(rows[-1]) + 1) if in_a_row else rows)
