"""The one reader of rows: CSV, JSONL, Parquet and plain lines, one row at a time.

Each row is a mapping of columns to values, with the number that an error names it by: the line it begins on, or in a
Parquet file its own number. Memory does not grow with the file. Text files may be compressed by bz2, gzip or xz, which
by their content, not their name.
"""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from itertools import accumulate, chain
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from clsfw.errors import DataError, HostError, Place
from clsfw.kit.csv_reader import csv_rows, refuse_utf16
from clsfw.kit.inputs import check_file
from clsfw.kit.unpacking import open_unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    OnFault = Callable[[str, int, str], None]

TEXT = "text"
"""The one column of a file of plain lines."""

FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt")
LONGEST_LINE = 64 * 2**20
_PACKED = (".bz2", ".gz", ".xz")
_BOM = b"\xef\xbb\xbf"
_PEEK = 200
_BATCH_ROWS = 1000
_BATCH_BYTES = 16 * 2**20


class Row(NamedTuple):
    """One row; `number` is its line, or in a Parquet file its row, from 1."""

    number: int
    values: Mapping[str, Any]

    def at(self, column: str) -> Any:
        """Return the value of a column, or of one within another, as in `meta.title`; None if there is none."""
        if column in self.values:
            return self.values[column]
        found = _at(self.values, column)
        return None if found is _NOTHING else found

    def has(self, column: str) -> bool:
        """Return whether the row has a column, or one within another."""
        return _at(self.values, column) is not _NOTHING

    def text(self, columns: Sequence[str], separator: str) -> str | None:
        """Return the text of the row, joined of the texts of its columns; None if there is none.

        Of several columns some may hold none, as tickets without a body do; where all are blank, so is the text.
        """
        if len(columns) == 1:  # as it mostly is, and once for each of millions of rows
            only = self.at(columns[0])
            return only if isinstance(only, str) else None
        parts = [self.at(column) for column in columns]
        if any(part is not None for part in parts):
            parts = ["" if part is None else part for part in parts]
            if not any(isinstance(part, str) and part.strip() for part in parts):
                separator = ""
        return separator.join(parts) if all(isinstance(part, str) for part in parts) else None


class Rows:
    """The rows of an open file, to iterate over once.

    `columns` are those that the file names on its `line`. JSON lines name none: theirs are those of the `first` row,
    whose values may be nested; elsewhere `first` is None.
    """

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Row], line: int = 1, first: Mapping[str, Any] | None = None
    ) -> None:
        self.columns = tuple(columns)
        self.line = line
        self.first = first
        self._rows = iter(rows)

    def __iter__(self) -> Iterator[Row]:
        """Return the rows, in the order of the file."""
        return self._rows

    def has(self, column: str) -> bool:
        """Return whether the file has a column; `meta.title` is one within another."""
        if self.first is not None:
            return _at(self.first, column) is not _NOTHING
        return column in self.columns or column.partition(".")[0] in self.columns


_NOTHING = object()


def _at(values: Mapping[str, Any], column: str) -> Any:
    if column in values:
        return values[column]
    head, dot, rest = column.partition(".")
    inner = values.get(head) if dot else None
    return _at(inner, rest) if isinstance(inner, dict) else _NOTHING


def format_of(path: Path) -> str:
    """Return the suffix that says how a file is written, without the one of its compression.

    Raises:
        DataError: the suffix is none that is known.

    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        raise DataError(f"{path}: the name must end in {', '.join(FORMATS)}, perhaps with .gz, .bz2 or .xz after it")
    return suffixes[-1]


def read_rows(
    path: Path,
    *,
    name: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    on_fault: OnFault | None = None,
) -> Iterator[Row]:
    """Return the rows of a file, in its order. See `open_rows`; a JSON line that is not UTF-8 is a fault here, too.

    Raises:
        DataError: the file is missing, damaged, or not what its name says; the message names the line.
        HostError: the operating system refused.

    """
    if on_fault is not None and format_of(path) in {".jsonl", ".ndjson"}:
        name = name or str(path)
        with open_unpacked(path, name, None) as file:
            refuse_utf16(file.peek(_PEEK)[:_PEEK], name)
            yield from _read_jsonl(read_lines(file, name, on_fault), on_fault)
        return
    with open_rows(path, name=name, encoding=encoding, delimiter=delimiter, on_fault=on_fault) as rows:
        yield from rows


@contextmanager
def open_rows(
    path: Path,
    *,
    name: str | None = None,
    kind: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    max_bytes: int | None = None,
    on_fault: OnFault | None = None,
) -> Iterator[Rows]:
    """Open a file of rows.

    Args:
        path: the file.
        name: what stands for it in messages.
        kind: one of `FORMATS`; None: as its name ends.
        encoding: of a CSV file; JSONL and plain lines are UTF-8.
        delimiter: the character between two fields of CSV; None: a tab in `.tsv`, else a comma.
        max_bytes: the largest size that an unpacked text file may have.
        on_fault: is called for each row that breaks the rules: kind of fault, line, words. None: the first is an error.

    Raises:
        DataError: also while iterating: the file is missing, damaged, or not what its name says, with the line.
        HostError: the operating system refused.

    """
    name = name or str(path)
    kind = kind or format_of(path)

    def at_once(_: str, line: int, words: str) -> None:
        raise DataError(f"{Place(name, line)}: {words}")

    on_fault = on_fault or at_once
    check_file(path, name)
    if kind == ".parquet":
        opened: AbstractContextManager[Rows] = _open_parquet(path, name)
    elif kind in {".csv", ".tsv"}:
        by_name = "\t" if kind == ".tsv" or path.suffix.lower() == ".tsv" else ","
        opened = _open_csv(path, name, encoding, delimiter or by_name, max_bytes, on_fault)
    else:
        opened = _open_lines(path, name, kind, max_bytes, on_fault)
    with opened as rows:
        yield rows


@contextmanager
def _open_csv(  # noqa: PLR0917  # all that a CSV file needs
    path: Path, name: str, encoding: str, delimiter: str, max_bytes: int | None, on_fault: OnFault
) -> Iterator[Rows]:
    with csv_rows(path, name, encoding=encoding, delimiter=delimiter, max_bytes=max_bytes) as records:
        line, header = next(records, (1, []))
        if not header:
            raise DataError(f"{name}: is empty")
        check_header(header, name, line)
        yield Rows(header, _named(records, header, delimiter, on_fault), line)


@contextmanager
def _open_lines(path: Path, name: str, kind: str, max_bytes: int | None, on_fault: OnFault) -> Iterator[Rows]:
    with open_unpacked(path, name, max_bytes) as file:
        refuse_utf16(file.peek(_PEEK)[:_PEEK], name)
        lines = read_lines(file, name)
        if kind == ".txt":
            yield Rows([TEXT], (Row(number, {TEXT: line}) for number, line in lines))
            return
        rows = _read_jsonl(lines, on_fault)
        first = next(rows, None)
        if first is None:
            yield Rows([], [])
        else:
            yield Rows(list(first.values), chain([first], rows), first.number, first.values)


def separator_of(path: Path) -> str:
    """Return the delimiter of a CSV file, as far as its name says."""
    return "\t" if format_of(path) == ".tsv" else ","


def read_lines(file: IO[bytes], name: str, on_fault: OnFault | None = None) -> Iterator[tuple[int, str]]:
    """Return the lines of a UTF-8 file with their numbers, without their ends.

    `on_fault` is called for each line that is not UTF-8; None: the first is an error.

    Raises:
        DataError: a line is not UTF-8, or too long to be a text.

    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise DataError(f"{name}:{number}: the line is longer than {LONGEST_LINE // 2**20} MiB")
        try:
            text = decode_line(line, name, number)
        except DataError as exc:
            if on_fault is None:
                raise
            on_fault("utf-8", number, str(exc).removeprefix(f"{name}:{number}: "))
        else:
            yield number, text


def decode_line(line: bytes, name: str, number: int) -> str:
    """Decode one line.

    Raises:
        DataError: it is not UTF-8.

    """
    if number == 1:
        line = line.removeprefix(_BOM)
    try:
        return line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as exc:
        byte = f"byte 0x{line[exc.start]:02x} at position {exc.start + 1}"
        raise DataError(f"{name}:{number}: not UTF-8 ({byte}); save the file as UTF-8") from exc


def _named(
    records: Iterable[tuple[int, list[str]]], header: Sequence[str], delimiter: str, on_fault: OnFault
) -> Iterator[Row]:
    """Turn cells into values by column."""
    columns = len(header)
    for line, cells in records:
        if len(cells) != columns:
            hint = f"; quote texts that hold {delimiter!r}" if len(cells) > len(header) else ""
            on_fault("fields", line, wrong_number(len(cells), len(header)) + hint)
        else:
            yield Row(line, dict(zip(header, cells, strict=False)))


def check_header(header: list[str], name: str, line: int) -> None:
    """Refuse a header that names a column twice.

    Raises:
        DataError: it does.

    """
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise DataError(f"{Place(name, line)}: the header names the column {twice!r} twice; rename one of them")


def wrong_number(fields: int, columns: int) -> str:
    """Say that a row has more or fewer fields than the header."""
    return f"{fields} field{'' if fields == 1 else 's'} where the header has {columns}"


def _read_jsonl(lines: Iterable[tuple[int, str]], on_fault: OnFault) -> Iterator[Row]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as exc:
            on_fault("json", number, f"not JSON: {exc}")
            continue
        if isinstance(value, dict):
            yield Row(number, value)
        else:
            on_fault("object", number, 'each line must hold an object such as {"text": "..."}')


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _finite(word: str) -> float:
    """Read a number; one beyond the largest could not be written as JSON again."""
    value = float(word)
    if math.isinf(value):
        raise ValueError(f"the number {word} is too large")
    return value


@contextmanager
def _open_parquet(path: Path, name: str) -> Iterator[Rows]:
    with parquet_file(path, name) as file:
        yield Rows(file.schema_arrow.names, parquet_rows(file, name))


@contextmanager
def parquet_file(source: Any, name: str) -> Iterator[Any]:
    """Open a Parquet file, of a path or of an open file.

    Raises:
        DataError: it is none, or is damaged.
        HostError: the operating system refused.

    """
    import pyarrow.parquet as pq

    with _parquet_explained(name):
        file = pq.ParquetFile(source)
    with file:
        yield file


@contextmanager
def _parquet_explained(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise HostError(f"{name} cannot be read: {exc}") from exc
        raise DataError(f"{name}: not a Parquet file that can be read: {exc}") from exc


def parquet_rows(file: Any, name: str, start: int = 0, stop: int | None = None) -> Iterator[Row]:
    """Return the rows of an open Parquet file from number `start` on, counted from 0, and before `stop`.

    Raises:
        DataError: the file is damaged.
        HostError: the operating system refused.

    """
    # Lists take far more room as Python's objects than in the file, so of rows that are wide few are read at once.
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    widest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
    ends = list(accumulate(group.num_rows for group in groups))
    stop = (ends[-1] if ends else 0) if stop is None else stop
    # Only the row groups that hold some of the rows are read.
    wanted = [i for i, end in enumerate(ends) if end > start and end - groups[i].num_rows < stop]
    size = max(1, min(_BATCH_ROWS, _BATCH_BYTES // (8 * widest + 1)))
    batches = file.iter_batches(batch_size=size, row_groups=wanted)
    number = ends[wanted[0]] - groups[wanted[0]].num_rows if wanted else 0
    while number < stop:
        with _parquet_explained(name):
            batch = next(batches, None)
        if batch is None:
            return
        first, number = number, number + batch.num_rows
        if number > start:
            kept = batch.slice(max(0, start - first), min(stop, number) - max(start, first))
            for i, values in enumerate(kept.to_pylist(), max(start, first) + 1):
                yield Row(i, values)
