"""Writes the records of a file as Arrow, so that a data set is mapped from disk instead of held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from datasets import ClassLabel, Features, List, Value

from clsfw import DataError, Place
from clsfw_csv.complaints import Complaints
from clsfw_csv.labels import MOST_CLASSES, infer_labels, refuse_column, undeclared
from clsfw_csv.records import Record, Tally, read_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clsfw import Reporter
    from clsfw_csv import CsvSettings

_BATCH_ROWS = 1000
_BATCH_CHARACTERS = 1 << 24


@dataclass(frozen=True)
class Facts:
    """What the user should know of a table: rows read, rows dropped for a blank text, columns that had no place."""

    rows: int
    dropped: int
    first_dropped: int
    left_out: tuple[str, ...]


def write_table(path: Path, name: str, settings: CsvSettings, target: Path, reporter: Reporter) -> Facts:
    """Read the CSV file at `path`, named `name` in messages, and write it to `target` as an Arrow stream.

    Raises:
        DataError: the file breaks the rules, with the line of the first fault of each kind and their number.

    """
    if settings.labels is None:
        # The ids depend on all values, and keeping the rows would take memory: so the file is read twice.
        complaints = Complaints(name)
        records = read_records(path, name, settings, complaints, Tally())
        labels = infer_labels((label for record in records for label in record.labels), name, settings.label_column)
        if complaints:
            complaints.fail()
        settings = settings.model_copy(update={"labels": labels})
    return _write(path, name, settings, target, reporter)


def _write(path: Path, name: str, settings: CsvSettings, target: Path, reporter: Reporter) -> Facts:
    labels = settings.labels or {}
    complaints, tally = Complaints(name), Tally()
    records = read_records(path, name, settings, complaints, tally)
    first = next(records, None)
    several = settings.label_separator is not None
    features = _features(labels, tally.columns, several=several)
    ids = {value: number for number, value in enumerate(labels)}
    seen: set[int] = set()
    unknown: set[str] = set()
    with pa.OSFile(str(target), "wb") as file, pa.ipc.new_stream(file, features.arrow_schema) as sink:
        for batch in _batches(first, records):
            columns: dict[str, list[Any]] = {column: [] for column in features}
            for record in batch:
                known = [ids[value] for value in dict.fromkeys(record.labels) if value in ids]
                for value in record.labels:
                    if value not in ids:
                        if len(unknown) <= MOST_CLASSES:
                            unknown.add(value)
                        complaints.add(f"undeclared {value}", record.line, undeclared(value, labels))
                if complaints:
                    continue  # nothing will be kept, but the rest is still checked
                seen.update(known)
                columns["text"].append(record.text)
                columns["label"].append(sorted(known) if several else known[0])
                columns["row"].append(record.row)
                for column, cell in zip(tally.columns, record.others, strict=True):
                    columns[column].append(cell)
            _write_batch(sink, columns, features, batch, name)
            reporter.progress(f"reading {name}", tally.rows, settings.rows, "rows")
    if complaints:
        complaints.fail(refuse_column(unknown, name, settings.label_column))
    _check_whole(name, settings, tally, [list(labels)[number] for number in seen])
    return Facts(tally.rows, tally.dropped, tally.first_dropped, tally.left_out)


def _features(labels: Mapping[str, str], others: tuple[str, ...], *, several: bool) -> Features:
    classes = ClassLabel(names=list(labels.values()))
    columns = {"text": Value("string"), "label": List(classes) if several else classes, "row": Value("int64")}
    return Features(columns | {column: Value("string") for column in others})


def _batches(first: Record | None, records: Iterator[Record]) -> Iterator[list[Record]]:
    """Bundle records by number and size: one Arrow batch holds less than 2 GiB of text."""
    batch = [] if first is None else [first]
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.text)
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write_batch(
    sink: pa.RecordBatchWriter, columns: dict[str, list[Any]], features: Features, batch: list[Record], name: str
) -> None:
    try:
        sink.write_batch(pa.RecordBatch.from_pydict(columns, schema=features.arrow_schema))
    except UnicodeEncodeError as exc:  # half a surrogate pair, which a few rare encodings let through
        raise DataError(f"{Place(name, batch[0].line)}: at or after this line, a text is not valid Unicode") from exc


def _check_whole(name: str, settings: CsvSettings, tally: Tally, present: list[str]) -> None:
    if tally.rows == 0:
        raise DataError(f"{name}: has a header line, but no rows")
    if settings.rows is not None and tally.rows < settings.rows:
        raise DataError(f"{name}: rows = {settings.rows:,} is asked for, but the file has only {tally.rows:,}")
    if tally.rows == tally.dropped:
        raise DataError(f"{name}: all {tally.rows:,} texts are blank")
    if len(present) < 2:  # noqa: PLR2004  # a classifier tells at least two things apart
        what = f"the label {present[0]!r}" if present else "no label at all"
        hint = "" if settings.rows is None else "; the file may be sorted by label, so look beyond the first rows"
        raise DataError(f"{name}: all {tally.rows:,} rows have {what}; a classifier needs two classes{hint}")
