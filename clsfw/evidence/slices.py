"""Scores of parts of the rows: short and long texts, truncated ones or not, and by any further column of the data."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import DataError
from clsfw.evidence.intervals import wilson
from clsfw.evidence.tally import macro_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.evidence.metrics import Slice

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_BANDS = (64, 128, 256, 512, 1024)
_MOST_VALUES = 20
_LONGEST_VALUE = 60  # characters


def check_slices(columns: Iterable[str], data: Mapping[str, Dataset]) -> None:
    """See that every split has the columns that `[evidence] slices` names.

    Raises:
        DataError: a column is missing.

    """
    for split, rows in data.items():
        for column in columns:
            if column not in rows.column_names:
                has = ", ".join(repr(name) for name in rows.column_names)
                raise DataError(f"[evidence] slices: the {split} split has no column {column!r}; it has {has}")


def slices(
    references: Ints,
    predictions: Ints,
    classes: int,
    *,
    tokens: Ints,
    truncated: Bools,
    columns: Mapping[str, Sequence[Any]],
    lost: Mapping[str, Ints] | None = None,
) -> dict[str, list[Slice]]:
    """Score each part of each way to cut the rows.

    `lost` are the tokens that each side of pairs lost. A part has its rows, accuracy with 95 % limits, and F1, the
    mean over the classes that occur in it.
    """
    ways: dict[str, Iterator[tuple[str, Bools]]] = {
        "tokens": _by_length(tokens),
        "truncated": _by_flag(truncated.astype(np.bool_)),
    }
    for side, tokens_lost in (lost or {}).items():
        if tokens_lost.any():
            ways[f"truncated {side}"] = _by_flag(tokens_lost != 0)
    for name, values in columns.items():
        ways[f"column {name}"] = _by_column(list(values))
    return {
        way: [_part(value, mask, references, predictions, classes) for value, mask in parts if mask.any()]
        for way, parts in ways.items()
    }


def _part(value: str, mask: Bools, references: Ints, predictions: Ints, classes: int) -> Slice:
    true, said = references[mask], predictions[mask]
    right = (true == said) if true.ndim == 1 else (true == said).all(axis=1)
    present = len(np.unique(true)) if true.ndim == 1 else int(true.any(axis=0).sum())
    f1 = macro_scores(true, said, classes)["f1"] * classes / max(1, present)
    return {
        "value": value,
        "rows": int(mask.sum()),
        "accuracy": float(right.mean()),
        "interval": wilson(int(right.sum()), len(right)),
        # A class that is never true here counts 0 in the macro mean; a part is judged on the classes it holds.
        "f1": float(min(1.0, f1)),
    }


def _by_length(tokens: Ints) -> Iterator[tuple[str, Bools]]:
    low = 0
    for high in _BANDS:
        yield f"{low + 1} to {high}", (tokens > low) & (tokens <= high)
        low = high
    yield f"over {low}", tokens > low


def _by_flag(flags: Bools) -> Iterator[tuple[str, Bools]]:
    yield _name(False), ~flags
    yield _name(True), flags


def _by_value(values: Sequence[Any]) -> Iterator[tuple[str, Bools]]:
    """Cut by value; beyond the twenty most frequent ones the rest are one part."""
    kinds = [_name(value) for value in values]
    counts = Counter(kinds)
    if len(counts) > _MOST_VALUES and counts.most_common(1)[0][1] == 1:
        return  # every row has a value of its own, as titles and numbers of records have: there is nothing to cut by
    frequent = sorted(sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_VALUES])
    for name in frequent:
        shown = name if len(name) <= _LONGEST_VALUE else f"{name[: _LONGEST_VALUE - 1]}…"
        yield shown, np.array([kind == name for kind in kinds])
    if len(counts) > _MOST_VALUES:
        yield f"{len(counts) - _MOST_VALUES} other values", np.array([kind not in frequent for kind in kinds])


def _by_column(values: Sequence[Any]) -> Iterator[tuple[str, Bools]]:
    """Cut numbers of many values into quarters, and anything else by value."""
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    if not numbers or len(set(values)) <= _MOST_VALUES:
        yield from _by_value(values)
        return
    as_numbers = np.array(values, dtype=np.float64)
    known = as_numbers[np.isfinite(as_numbers)]
    edges = np.unique(np.quantile(known, [0, 0.25, 0.5, 0.75, 1])) if len(known) else np.zeros(1)
    for i, (low, high) in enumerate(pairwise(edges)):
        above = as_numbers >= low if i == 0 else as_numbers > low
        yield f"{low:g} to {high:g}", above & (as_numbers <= high)
    yield "not a number", ~np.isfinite(as_numbers)


def _name(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "missing" if value is None else str(value)
