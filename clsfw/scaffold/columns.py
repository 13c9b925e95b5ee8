"""Looks at a CSV file: its columns, which of them holds the texts, which the labels, and what the labels are."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, cast

from clsfw.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_OPENERS: Mapping[bytes, Any] = {b"BZh": bz2.open, b"\x1f\x8b": gzip.open, b"\xfd7zXZ": lzma.open}
_DELIMITERS = ",;\t|"
_MOST_ROWS = 200_000
_MOST_LABELS = 200
_LONGEST_FIELD = 2**24
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
    try:
        encoding, delimiter, rows = _read(path)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, csv.Error) as exc:
        raise DataError(f"{path}: cannot be read: {exc}") from exc
    if len(rows) < 2:  # noqa: PLR2004  # the header, and something under it
        raise DataError(f"{path}: there is no row under the header")
    columns, values = rows[0], rows[1:]
    for number, row in enumerate(values, 2):
        if len(row) != len(columns):
            raise DataError(f"{path}: record {number} has {len(row)} fields, but the header has {len(columns)}")
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


def _open(path: Path, encoding: str) -> TextIO:
    with path.open("rb") as file:
        head = file.read(6)
    opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), open)
    exact = "utf-8-sig" if encoding == "utf-8" else encoding
    return cast("TextIO", opener(path, "rt", encoding=exact, newline=""))


def _read(path: Path) -> tuple[str, str, list[list[str]]]:
    """Return the encoding, the delimiter and the rows."""
    for encoding in ("utf-8", "cp1252"):
        with suppress(UnicodeDecodeError):
            return _read_as(path, encoding)
    return _read_as(path, "latin-1")  # it takes any byte


def _read_as(path: Path, encoding: str) -> tuple[str, str, list[list[str]]]:
    with _open(path, encoding) as file:
        delimiter = _delimiter(file.readline())
    return encoding, delimiter, list(_rows(path, encoding, delimiter))


def _delimiter(header: str) -> str:
    counts = {delimiter: header.count(delimiter) for delimiter in _DELIMITERS}
    return max(counts, key=lambda delimiter: counts[delimiter])


def _rows(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    kept = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with _open(path, encoding) as file:
            for number, row in enumerate(csv.reader(file, delimiter=delimiter, strict=True)):
                if number > _MOST_ROWS:
                    return
                if row:
                    yield row
    finally:
        csv.field_size_limit(kept)


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
