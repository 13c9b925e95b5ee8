"""Turns CSV rows into texts with their labels, and tells what is wrong with each row."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from clsfw import DataError, Place
from clsfw.kit import csv_rows, likely_delimiter, split_labels
from clsfw_csv.complaints import short

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from clsfw_csv import CsvSettings
    from clsfw_csv.complaints import Complaints

RESERVED = ("text", "label", "row")


@dataclass(frozen=True)
class Record:
    """One data row: `line` counts from 1 in the file, `row` from 0 in the data; `labels` are values of the file."""

    line: int
    row: int
    text: str
    labels: Sequence[str]
    others: Sequence[str]


@dataclass
class Tally:
    """What was learned of the file while its records were read."""

    columns: tuple[str, ...] = ()
    """The other columns, which are kept for slices."""
    left_out: tuple[str, ...] = ()
    rows: int = 0
    dropped: int = 0
    first_dropped: int = 0


def read_records(
    path: Path, name: str, settings: CsvSettings, complaints: Complaints, tally: Tally
) -> Iterator[Record]:
    """Return the good records of the file; the faults of the others go to `complaints`.

    Raises:
        DataError: reading cannot go on; what `complaints` holds up to there is told as well.

    """
    try:
        with csv_rows(
            path,
            name,
            encoding=settings.encoding,
            delimiter=settings.delimiter,
            max_bytes=settings.max_bytes,
        ) as rows:
            header = _header(rows, name, settings)
            tally.columns = tuple(
                c for c in header if c not in (settings.text_column, settings.label_column, *RESERVED)
            )
            tally.left_out = tuple(
                c for c in header if c in RESERVED and c not in (settings.text_column, settings.label_column)
            )
            yield from _records(rows, header, settings, complaints, tally)
    except DataError as exc:
        if not complaints:
            raise
        complaints.fail(exc)


def _header(rows: Iterator[tuple[int, list[str]]], name: str, settings: CsvSettings) -> list[str]:
    line, header = next(rows, (0, []))
    if not header:
        raise DataError(f"{name}: is empty")
    place = Place(name, line)
    wanted = (settings.text_column, settings.label_column)
    missing = [column for column in wanted if column not in header]
    if missing:
        raise DataError(f"{place}: {_missing(missing, header, settings)}")
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise DataError(f"{place}: the header names the column {short(twice[0])} twice; rename one of them")
    return header


def _missing(missing: Sequence[str], header: Sequence[str], settings: CsvSettings) -> str:
    words = f"no column {' and no column '.join(map(short, missing))}"
    other = likely_delimiter(header, settings.delimiter)
    if other is not None and set(missing) <= _split(settings.delimiter.join(header), other):
        return f"{words}: the columns are separated by {other!r}; set delimiter = {_toml(other)}"
    for key, column in (("text_column", settings.text_column), ("label_column", settings.label_column)):
        near = difflib.get_close_matches(column.casefold(), [_bare(name) for name in header], n=1)
        if column in missing and near:
            actual = next(name for name in header if _bare(name) == near[0])
            words += f"; did you mean {key} = {short(actual)}?"
    listed = ", ".join(map(short, header[:20]))
    values = set(settings.labels or ())
    if values & set(header):
        return f"{words}; the first line looks like data, so a header line seems to be missing: {listed}"
    return f"{words}; the columns are {listed}{', ...' if len(header) > 20 else ''}"  # noqa: PLR2004  # as sliced above


def _split(joined: str, delimiter: str) -> set[str]:
    return {part.strip('"') for part in joined.split(delimiter)}


def _bare(column: str) -> str:
    return column.strip("\ufeff \t").casefold()


def _toml(char: str) -> str:
    return '"\\t"' if char == "\t" else f'"{char}"'


def _records(
    rows: Iterable[tuple[int, list[str]]],
    header: Sequence[str],
    settings: CsvSettings,
    complaints: Complaints,
    tally: Tally,
) -> Iterator[Record]:
    text_at, label_at = header.index(settings.text_column), header.index(settings.label_column)
    others_at = [header.index(column) for column in tally.columns]
    drop = settings.empty_text == "drop"
    separator = settings.label_separator
    for line, cells in islice(rows, settings.rows):  # what comes after these is not even parsed
        row = tally.rows
        tally.rows += 1
        if len(cells) != len(header):
            hint = f"; quote texts that hold {settings.delimiter!r}" if len(cells) > len(header) else ""
            complaints.add("fields", line, f"{_count(cells)} where the header has {len(header)}{hint}")
            continue
        text, label = cells[text_at], cells[label_at]
        if not text or text.isspace():
            if not drop:
                complaints.add("text", line, 'the text is blank; set empty_text = "drop" to leave such rows out')
                continue
            tally.dropped += 1
            tally.first_dropped = tally.first_dropped or line
            continue
        labels = [label] if separator is None else split_labels(label, separator)
        if not all(part and not part.isspace() for part in labels):
            complaints.add("label", line, f"no label in column {settings.label_column!r}")
            continue
        yield Record(line, row, text, labels, [cells[i] for i in others_at])


def _count(cells: Sequence[str]) -> str:
    return f"{len(cells)} field" if len(cells) == 1 else f"{len(cells)} fields"
