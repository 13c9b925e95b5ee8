"""Writes the rows of files as Arrow, so that a data set is mapped from disk instead of held in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa

from clsfw import DataError, Place
from clsfw_csv import FileSettings
from clsfw_csv.complaints import Complaints
from clsfw_csv.labels import MOST_CLASSES, carried_labels, infer_labels, refuse_column, undeclared
from clsfw_csv.records import RESERVED, Record, Tally, read_records, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from clsfw import Reporter
    from clsfw_csv import RowSettings
    from clsfw_csv.inputs import FoundFile

    Found = Mapping[str, Sequence[FoundFile]]

FILE = "file"
"""The column that says which of several files a row comes from."""

_BATCH_ROWS = 1000
_BATCH_CHARACTERS = 1 << 24


@dataclass(frozen=True)
class Facts:
    """What the user should know of a table: rows read, rows dropped for a blank text, columns that had no place."""

    rows: int
    dropped: int
    first_dropped: str
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Layout:
    """The classes by the values of the files, the other columns, and whether a text may carry several labels.

    `texts` are the columns of the texts, two for pairs.
    """

    labels: Mapping[str, str]
    others: tuple[str, ...]
    several: bool
    with_file: bool
    texts: tuple[str, ...] = ("text",)

    def schema(self) -> pa.Schema:
        """Return the schema of the tables, as `Features` of `datasets` have it, which takes a second to import."""
        others = [*self.others, *([FILE] if self.with_file else [])]
        columns = {**dict.fromkeys(self.texts, pa.string()), "label": pa.int64(), "row": pa.int64()}
        columns |= dict.fromkeys(others, pa.string())
        features: dict[str, Any] = {name: {"dtype": str(kind), "_type": "Value"} for name, kind in columns.items()}
        features["label"] = {"names": list(self.labels.values()), "_type": "ClassLabel"}
        if self.several:
            columns["label"] = pa.list_(pa.int64())
            features["label"] = {"feature": features["label"], "_type": "List"}
        return pa.schema(columns, {"huggingface": json.dumps({"info": {"features": features}})})


def write_tables(
    found: Found, settings: RowSettings, targets: Mapping[str, Path], reporter: Reporter
) -> dict[str, Facts]:
    """Read the files of each split and write them to its target as an Arrow stream, with the same classes for all.

    Raises:
        DataError: a file breaks the rules, with the line of the first fault of each kind and their number.

    """
    tally = Tally({})
    labels: Mapping[str, str] | None = settings.labels
    if labels is None and settings.kind == ".parquet":
        labels = carried_labels((file for files in found.values() for file in files), settings.label_column)
    many = len(found) > 1 or any(len(files) > 1 for files in found.values())
    if labels is None or settings.kind == ".jsonl" or many:
        # The ids and columns depend on all rows, and keeping the rows would take memory: so the files are read twice.
        labels = _survey(found, settings, labels, tally)
    facts = {}
    for split, files in found.items():
        plan = _Plan(labels or {}, tally, many=many, trains=split in {"", "train"})
        facts[split] = _write(files, settings, plan, targets[split], reporter)
    return facts


@dataclass
class _Plan:
    """What a first pass learned, if there was one."""

    labels: Mapping[str, str]
    seen: Tally
    many: bool
    trains: bool

    def classes(self, present: Iterable[str]) -> list[str]:
        """Return the labels that a file must have two of: those that occur in it, or all of them for test data."""
        return sorted(present if self.trains else self.labels)

    def layout(self, tally: Tally, settings: RowSettings) -> _Layout:
        """Settle the columns, once the first row of a file without a first pass is read."""
        columns = self.seen.columns or tally.columns
        own = (*(column for _, column in settings.columns), *RESERVED)
        several = settings.label_separator is not None or bool(self.seen.several or tally.several)
        others = tuple(column for column in columns if column not in own)
        with_file = self.many and isinstance(settings, FileSettings) and FILE not in others
        texts = ("text",) if settings.text_pair_column is None else ("text", "text_pair")
        return _Layout(self.labels, others, several, with_file, texts)


def _survey(found: Found, settings: RowSettings, declared: Mapping[str, str] | None, tally: Tally) -> Mapping[str, str]:
    """Read all files once, and return the classes by the values that stand for them."""

    def labels_of(files: Sequence[FoundFile]) -> Iterator[str]:
        tally.rows = 0
        for file in files:
            complaints = Complaints(file.name)
            for record in read_records(file, settings, complaints, tally):
                yield from record.labels
            if complaints:
                complaints.fail()

    first = next(iter(found.values()))[0].name
    every = (label for files in found.values() for label in labels_of(files))
    if declared is None:
        return infer_labels(every, first, settings.label_column)
    for _ in every:
        pass
    return declared


def _write(files: Sequence[FoundFile], settings: RowSettings, plan: _Plan, target: Path, reporter: Reporter) -> Facts:
    tally = Tally({}, several=plan.seen.several)
    told = [Complaints(file.name) for file in files]
    readings = [read_records(file, settings, said, tally) for file, said in zip(files, told, strict=True)]
    first = next(readings[0], None)  # by now a file without a first pass has shown its columns
    with pa.OSFile(str(target), "wb") as out, _Table(out, plan.layout(tally, settings)) as table:
        for file, complaints, records in zip(files, told, readings, strict=True):
            for batch in _batches(first, records):
                table.add(batch, file, complaints)
                reporter.progress(f"reading {file.name}", tally.rows, settings.rows, "rows")
            first = None
            if complaints:
                complaints.fail(refuse_column(table.unknown, file.name, settings.label_column))
    _check_whole(", ".join(file.name for file in files), settings, tally, plan.classes(table.present))
    own = [column for _, column in settings.columns]
    left_out = tuple(column for column in tally.columns if column in RESERVED and column not in own)
    return Facts(tally.rows, tally.dropped, tally.first_dropped, left_out)


class _Table:
    """An Arrow stream that grows."""

    def __init__(self, out: pa.OSFile, layout: _Layout) -> None:
        self._layout = layout
        self._schema = layout.schema()
        self._ids = {value: number for number, value in enumerate(layout.labels)}
        self._sink = pa.ipc.new_stream(out, self._schema)
        self.present: set[str] = set()
        self.unknown: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sink.close()

    def add(self, batch: Sequence[Record], file: FoundFile, complaints: Complaints) -> None:
        """Write records, as long as nothing is wrong with the file."""
        layout = self._layout
        cells: dict[str, list[Any]] = {column: [] for column in self._schema.names}
        for record in batch:
            for value in record.labels:
                if value not in self._ids:
                    if len(self.unknown) <= MOST_CLASSES:
                        self.unknown.add(value)
                    complaints.add(f"undeclared {value}", record.line, undeclared(value, layout.labels))
            if complaints:
                continue  # nothing will be kept, but the rest is still checked
            self.present.update(record.labels)
            known = [self._ids[value] for value in record.labels]
            for column, text in zip(layout.texts, record.texts, strict=True):
                cells[column].append(text)
            cells["label"].append(sorted(known) if layout.several else known[0])
            cells["row"].append(record.row)
            for column in layout.others:
                cells[column].append(written(record.source.at(column)))
            if layout.with_file:
                cells[FILE].append(file.path.name)
        try:
            columns = [_column(cells[field.name], field.type) for field in self._schema]
            self._sink.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))
        except UnicodeEncodeError as exc:  # half a surrogate pair, which a few rare encodings and JSON let through
            place = Place(file.name, batch[0].line)
            raise DataError(f"{place}: at or after this line, a text is not valid Unicode") from exc


def _column(cells: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return texts, integers or lists of integers as an Arrow array; `pyarrow.array` would import pandas for it."""
    if pa.types.is_string(kind):
        parts = [cell.encode() for cell in cells]
        ends = np.cumsum([0, *map(len, parts)], dtype=np.int32)
        return pa.Array.from_buffers(kind, len(parts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(parts))])
    if pa.types.is_list(kind):
        ends = np.cumsum([0, *map(len, cells)], dtype=np.int32)
        inner = _column([value for cell in cells for value in cell], kind.value_type)
        return pa.Array.from_buffers(kind, len(cells), [None, pa.py_buffer(ends)], children=[inner])
    return pa.Array.from_buffers(kind, len(cells), [None, pa.py_buffer(np.array(cells, dtype=np.int64))])


def _batches(first: Record | None, records: Iterator[Record]) -> Iterator[list[Record]]:
    """Bundle records by number and size: one Arrow batch holds less than 2 GiB of text."""
    batch = [] if first is None else [first]
    size = 0
    for record in records:
        batch.append(record)
        size += sum(map(len, record.texts))
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _check_whole(name: str, settings: RowSettings, tally: Tally, present: list[str]) -> None:
    if tally.rows == 0:
        raise DataError(
            f"{name}: has a header line, but no rows" if settings.kind == ".csv" else f"{name}: has no rows"
        )
    if settings.rows is not None and tally.rows < settings.rows:
        raise DataError(f"{name}: rows = {settings.rows:,} is asked for, but there are only {tally.rows:,}")
    if tally.rows == tally.dropped:
        raise DataError(f"{name}: all {tally.rows:,} texts are blank")
    if len(present) < 2:  # noqa: PLR2004  # a classifier tells at least two things apart
        what = f"the label {present[0]!r}" if present else "no label at all"
        hint = "" if settings.rows is None else "; the file may be sorted by label, so look beyond the first rows"
        raise DataError(f"{name}: all {tally.rows:,} rows have {what}; a classifier needs two classes{hint}")
