"""Turns the rows of a file into texts with their labels, and says what is wrong with each row."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from clsfw import DataError, Place
from clsfw.kit import likely_delimiter, open_rows, split_labels
from clsfw_csv.complaints import short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw.kit import Row, Rows
    from clsfw_csv import RowSettings
    from clsfw_csv.complaints import Complaints
    from clsfw_csv.inputs import FoundFile

RESERVED = ("text", "text_pair", "label", "row")
_MOST_LISTED = 20


class Record(NamedTuple):
    """One data row: `line` counts from 1 in the file, `row` from 0 in the data; `labels` are values of the file.

    `texts` are one, or both of a pair.
    """

    line: int
    row: int
    texts: tuple[str, ...]
    labels: Sequence[str]
    source: Row


@dataclass
class Tally:
    """What was learned of one file or several while their records were read.

    `columns` are those that hold plain values, in their order; `several` says whether a text may carry several labels.
    """

    columns: dict[str, None]
    rows: int = 0
    dropped: int = 0
    first_dropped: str = ""
    several: bool | None = None


def read_records(file: FoundFile, settings: RowSettings, complaints: Complaints, tally: Tally) -> Iterator[Record]:
    """Return the good records of a file; the faults of the others go to `complaints`.

    Raises:
        DataError: reading cannot go on; what `complaints` holds up to there is reported as well.

    """
    csv = settings.csv
    try:
        with open_rows(
            file.path,
            name=file.name,
            kind=settings.kind,
            encoding=csv.encoding,
            delimiter=csv.delimiter,
            max_bytes=settings.largest,
            on_fault=complaints.add,
        ) as rows:
            if missing := missing_columns(rows, settings):
                raise DataError(f"{Place(file.name, rows.line)}: {missing}")
            if rows.first is None:
                tally.columns |= dict.fromkeys(rows.columns)
            for row in islice(rows, None if settings.rows is None else settings.rows - tally.rows):
                if rows.first is not None:  # JSON lines may bring a new column in any row
                    new = row.values.keys() - tally.columns.keys()
                    tally.columns |= {c: None for c in row.values if c in new and not _is_nested(row.values[c])}
                record = _record(row, file.name, settings, complaints, tally)
                tally.rows += 1
                if record is not None:
                    yield record
    except DataError as exc:
        if not complaints:
            raise
        complaints.fail(exc)


def missing_columns(rows: Rows, settings: RowSettings) -> str | None:
    """Say which columns the settings name and the rows lack, and which ones may be meant."""
    missing = [column for _, column in settings.columns if not rows.has(column)]
    return _missing(missing, rows.columns, settings) if missing and rows.columns else None


def _missing(missing: Sequence[str], columns: Sequence[str], settings: RowSettings) -> str:
    words = f"no column {' and no column '.join(map(short, missing))}"
    delimiter = settings.csv.delimiter or ","
    other = likely_delimiter(columns, delimiter) if settings.kind == ".csv" else None
    if other is not None and set(missing) <= {part.strip('"') for part in delimiter.join(columns).split(other)}:
        return f"{words}: the columns are separated by {other!r}; set delimiter = {_toml(other)}"
    for key, column in settings.columns:
        near = difflib.get_close_matches(column.casefold(), [_bare(name) for name in columns], n=1)
        if column in missing and near:
            actual = next(name for name in columns if _bare(name) == near[0])
            words += f"; did you mean {key} = {short(actual)}?"
    listed = ", ".join(map(short, columns[:_MOST_LISTED])) + (", ..." if len(columns) > _MOST_LISTED else "")
    if set(settings.labels or ()) & set(columns):
        return f"{words}; the first line looks like data, so a header line seems to be missing: {listed}"
    return f"{words}; the columns are {listed}"


def _bare(column: str) -> str:
    return column.strip("\ufeff \t").casefold()


def _toml(char: str) -> str:
    return '"\\t"' if char == "\t" else f'"{char}"'


def _record(row: Row, name: str, settings: RowSettings, complaints: Complaints, tally: Tally) -> Record | None:
    texts: list[str] = []
    pair = () if settings.text_pair_column is None else ((settings.text_pair_column,),)
    for columns in (settings.text_columns, *pair):
        text = row.text(columns, "\n" if settings.text_separator is None else settings.text_separator)
        if text is None:
            complaints.add("no text", row.number, f"no text in column {' or '.join(map(repr, columns))}")
            return None
        if not text or text.isspace():
            if settings.empty_text == "drop":
                tally.dropped += 1
                tally.first_dropped = tally.first_dropped or str(Place(name, row.number))
            else:
                where = "" if settings.text_pair_column is None else f" in column {' and '.join(map(repr, columns))}"
                words = f'the text{where} is blank; set empty_text = "drop" to leave such rows out'
                complaints.add("text", row.number, words)
            return None
        texts.append(text)
    labels = _labels(row.at(settings.label_column), settings, tally)
    if isinstance(labels, str):
        complaints.add(f"label {labels[:20]}", row.number, labels)
        return None
    return Record(row.number, tally.rows, tuple(texts), labels, row)


def _labels(value: Any, settings: RowSettings, tally: Tally) -> list[str] | str:
    """Return the labels of a row, or what is wrong with them."""
    column, separator = settings.label_column, settings.label_separator
    if tally.several is False and isinstance(value, str) and value and not value.isspace():
        return [value]  # as it mostly is
    if tally.several is None:
        tally.several = separator is not None or isinstance(value, list)
    if not tally.several:
        given = [value]
    elif isinstance(value, str) and separator is not None:
        given = split_labels(value, separator)
    elif value is None or isinstance(value, list):
        given = value or []
    else:
        return f"column {column!r} holds {short(str(value))}, and a list of labels elsewhere"
    if not all(value is not None and str(value).strip() for value in given):
        return f"no label in column {column!r}"
    wrong = next((value for value in given if isinstance(value, float) or _is_nested(value)), None)
    if wrong is not None:
        return f"label {short(str(wrong))} in column {column!r} is neither a text nor a whole number"
    return list(dict.fromkeys(map(written, given)))


def _is_nested(value: object) -> bool:
    return isinstance(value, (dict, list))


def written(value: object) -> str:
    """Return a value as text; truth values as JSON writes them, and nothing for none."""
    if value is None:
        return ""
    return ("false", "true")[value] if isinstance(value, bool) else str(value)
