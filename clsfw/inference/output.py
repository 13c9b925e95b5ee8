"""Puts predicted rows into the files that `predict` writes: CSV, JSONL, Parquet, plain lines.

The columns are `label`, `score`, `p_<label>` for each class, and then those of the input; an input column with one of
these names is written as `input_<name>`. Several labels of one text are in one CSV cell, joined by `|`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import DataError
from clsfw.kit.labels import join_labels
from clsfw.kit.text import csv_line, encodable, spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels
    from clsfw.kit.rows import Row


@dataclass(frozen=True)
class Predicted:
    """One chunk: the input's rows with probabilities [N, C] and decisions [N], or 0/1 [N, C]."""

    rows: Sequence[Row]
    probabilities: NDArray[np.float32]
    decisions: NDArray[np.int64]


@dataclass(frozen=True)
class Columns:
    """What each output row holds: `own` are the predicted columns, `given` the input's, each with its new name."""

    labels: Labels
    own: tuple[str, ...]
    given: Mapping[str, str]

    @classmethod
    def of(cls, labels: Labels, names: Sequence[str]) -> Columns:
        """Choose the names for input columns `names`."""
        own = ("label", *(() if labels.multi_label else ("score",)), *(f"p_{name}" for name in labels.names))
        taken = {*own, *names}
        given = {}
        for name in names:
            new = name
            while new in own or (new != name and new in taken):
                new = f"input_{new}"
            given[name] = new
            taken.add(new)
        return cls(labels, own, given)

    def header(self) -> list[str]:
        """Return all column names."""
        return [*self.own, *self.given.values()]

    def values(self, predicted: Predicted, *, joined: bool) -> Iterator[dict[str, Any]]:
        """Return the output rows; several labels are joined into one string, or else a list.

        Raises:
            DataError: a row has a column that the first rows did not have.

        """
        names = self.labels.names
        rows = zip(predicted.rows, predicted.probabilities, predicted.decisions, strict=True)
        for row, probabilities, decision in rows:
            chosen = [names[i] for i in (np.flatnonzero(decision) if self.labels.multi_label else (int(decision),))]
            several: Any = join_labels(chosen) if joined else chosen
            cells: list[Any] = [several if self.labels.multi_label else chosen[0]]
            if not self.labels.multi_label:
                cells.append(probabilities[decision])
            values = dict(zip(self.own, [*cells, *probabilities], strict=True))
            for name, value in row.values.items():
                if name not in self.given:
                    raise DataError(
                        f"record {row.number} has {name!r}, which no record of the first chunk has, and the output's"
                        " columns are fixed by then; write JSONL, or give every record the same keys"
                    )
                values[self.given[name]] = value
            yield values


def names_of(rows: Sequence[Row]) -> list[str]:
    """Return the input's columns in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row.values))


def csv_bytes(columns: Columns, predicted: Predicted, *, header: bool, raw: bool) -> bytes:
    """Write a chunk as CSV; text that a spreadsheet would run gets a `'` before it, unless `raw`."""
    order = columns.header()
    lines = [csv_line(_cell(name, raw=raw) for name in order)] if header else []
    rows = columns.values(predicted, joined=True)
    lines.extend(csv_line(_cell(values.get(name), raw=raw) for name in order) for values in rows)
    return "".join(lines).encode()


def jsonl_bytes(columns: Columns, predicted: Predicted) -> bytes:
    """Write a chunk as one JSON object a line."""
    return "".join(f"{json_line(values)}\n" for values in columns.values(predicted, joined=False)).encode()


def json_line(values: Mapping[str, Any]) -> str:
    """Return a row as one line of JSON, with null for what JSON cannot hold."""
    return encodable(json.dumps(_finite(values), ensure_ascii=False, default=_plain, allow_nan=False))


def txt_bytes(columns: Columns, predicted: Predicted) -> bytes:
    """Write a chunk as one label a line."""
    lines = (str(values["label"]) for values in columns.values(predicted, joined=True))
    return "".join(f"{' '.join(encodable(line).splitlines())}\n" for line in lines).encode()


def _cell(value: Any, *, raw: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, np.floating)):
        return str(value)  # of a numpy float32: the fewest digits that read back as the same float32
    text = encodable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_plain))
    return text if raw else spreadsheet_cell(text)


def _finite(value: Any) -> Any:
    """Put null for what a Parquet file can hold and JSON cannot: NaN and the infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _plain(value: object) -> Any:
    return float(str(value)) if isinstance(value, np.floating) else str(value)
