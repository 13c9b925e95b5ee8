"""Looks at a CSV file: its columns, which of them holds the texts, which the labels, and what the labels are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, cast

from clsfw.errors import DataError, Place, UsageError
from clsfw.kit.csv_reader import DELIMITERS, csv_rows
from clsfw.kit.rows import wrong_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MOST_ROWS = 200_000
_MOST_LABELS = 200
_LABEL_WORDS = ("label", "sentiment", "class", "category", "target", "tag", "topic", "rating", "y")


@dataclass(frozen=True)
class Look:
    """What was seen in a CSV file; `whole` if all of it was read."""

    encoding: str
    delimiter: str
    columns: Sequence[str]
    text_column: str
    label_column: str
    labels: Counter[str]
    labels_with_text: Counter[str]
    rows: int
    blank_texts: int
    repeated_texts: int
    mean_length: float
    whole: bool


def look(path: Path, text_column: str | None = None, label_column: str | None = None) -> Look:
    """Read a CSV file and choose its columns, those aside that are given.

    Raises:
        DataError: it cannot be read, or has no column for texts or labels.
        UsageError: a given column is not there.

    """
    encoding, delimiter, columns, values = _read(path)
    if not values:
        raise DataError(f"{path}: there is no row under the header")
    by_column = {name: [row[place] for row in values] for place, name in enumerate(columns)}
    for given in (text_column, label_column):
        if given is not None and given not in by_column:
            raise UsageError(f"{path} has no column {given!r}; there are: {', '.join(map(repr, columns))}")
    if len(by_column) == 1:
        raise DataError(f"{path}: there is one column only; texts and labels need a column each")
    text = text_column or _longest({name: v for name, v in by_column.items() if name != label_column})
    label = label_column or _label(path, {name: v for name, v in by_column.items() if name != text})
    texts = by_column[text]
    return Look(
        encoding,
        delimiter,
        columns,
        text,
        label,
        Counter(by_column[label]),
        Counter(row for row, text in zip(by_column[label], texts, strict=True) if text.strip()),
        rows=len(values),
        blank_texts=sum(not text.strip() for text in texts),
        repeated_texts=len(texts) - len(set(texts)),
        mean_length=sum(map(len, texts)) / len(texts),
        whole=len(values) < _MOST_ROWS,
    )


def _read(path: Path) -> tuple[str, str, list[str], list[list[str]]]:
    """Return the encoding, the delimiter, the header and the first rows; of the encodings the first that fits."""
    failed: DataError | None = None
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            delimiter = _delimiter(path, encoding)
            with csv_rows(path, str(path), encoding=encoding, delimiter=delimiter) as rows:
                read = [cells for _, cells in _alike(rows, str(path))]
        except DataError as exc:
            failed = failed or exc
        else:
            return encoding, delimiter, read[0] if read else [], read[1:]
    raise cast("DataError", failed)


def _delimiter(path: Path, encoding: str) -> str:
    with csv_rows(path, str(path), encoding=encoding, delimiter=",") as rows:
        header = ",".join(next(rows, (1, []))[1])
    return max(DELIMITERS, key=header.count)


def _alike(rows: Iterator[tuple[int, list[str]]], name: str) -> Iterator[tuple[int, list[str]]]:
    """Pass the header and as many rows on as are looked at; all must have the header's number of fields."""
    width = 0
    for line, cells in islice(rows, _MOST_ROWS + 1):
        if width and len(cells) != width:
            raise DataError(f"{Place(name, line)}: {wrong_number(len(cells), width)}")
        width = width or len(cells)
        yield line, cells


def _longest(columns: dict[str, list[str]]) -> str:
    return max(columns, key=lambda name: sum(map(len, columns[name])))


def _label(path: Path, columns: dict[str, list[str]]) -> str:
    """Choose a column that is called like a label, or else the one with the fewest different values."""
    distinct = {name: len(set(values)) for name, values in columns.items()}
    rows = max((len(values) for values in columns.values()), default=0)
    fit = {name: n for name, n in distinct.items() if 1 < n <= min(_MOST_LABELS, max(2, rows // 2))}
    if not fit:
        raise DataError(
            f"{path}: no column looks like labels (two to {_MOST_LABELS} different values, each more than once): "
            f"{', '.join(f'{name!r} has {n}' for name, n in distinct.items())}; "
            "name one with --label-column"
        )
    return min(fit, key=lambda name: (name.strip().lower() not in _LABEL_WORDS, fit[name]))
