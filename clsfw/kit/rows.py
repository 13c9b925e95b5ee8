"""The one reader of rows: CSV, JSONL, Parquet and plain lines, one row at a time.

Each row is a mapping of columns to values, with the number that an error names it by: the line it begins on, or in a
Parquet file its own number. Memory does not grow with the file. Text files may be compressed by bz2, gzip or xz, which
their content tells, not their name.
"""

from __future__ import annotations

import json
import math
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from clsfw.errors import DataError, HostError, Place
from clsfw.kit.csv_reader import csv_rows, refuse_utf16
from clsfw.kit.inputs import check_file
from clsfw.kit.unpacking import open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

TEXT = "text"
"""The one column of a file of plain lines."""

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet", ".txt")
LONGEST_LINE = 64 * 2**20
_PACKED = (".bz2", ".gz", ".xz")
_BOM = b"\xef\xbb\xbf"
_PEEK = 200


class Row(NamedTuple):
    """One row; `number` is its line, or in a Parquet file its row, from 1."""

    number: int
    values: Mapping[str, Any]


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


def read_rows(path: Path, *, encoding: str = "utf-8", delimiter: str | None = None) -> Iterator[Row]:
    """Return the rows of a file, in its order; `encoding` and `delimiter` are for CSV.

    Args:
        path: a file whose name ends in one of `FORMATS`.
        encoding: of a CSV file; JSONL and plain lines are UTF-8.
        delimiter: the character between two fields; None: a tab in `.tsv`, else a comma.

    Raises:
        DataError: the file is missing, damaged, or not what its name says; the message names the line.
        HostError: the operating system refused.

    """
    kind = format_of(path)
    name = str(path)
    check_file(path, name)
    if kind == ".parquet":
        yield from _read_parquet(path)
    elif kind in {".csv", ".tsv"}:
        with csv_rows(path, name, encoding=encoding, delimiter=delimiter or separator_of(path)) as rows:
            yield from _named(rows, name)
    else:
        with open_unpacked(path, name) as file:
            refuse_utf16(file.peek(_PEEK)[:_PEEK], name)
            lines = read_lines(file, name)
            yield from _read_jsonl(lines, name) if kind == ".jsonl" else (Row(n, {TEXT: line}) for n, line in lines)


def separator_of(path: Path) -> str:
    """Return what stands between the fields of a CSV file, as far as its name tells."""
    return "\t" if format_of(path) == ".tsv" else ","


def read_lines(file: IO[bytes], name: str) -> Iterator[tuple[int, str]]:
    """Return the lines of a UTF-8 file with their numbers, without their ends.

    Raises:
        DataError: a line is not UTF-8, or too long to be a text.

    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise DataError(f"{name}:{number}: the line is longer than {LONGEST_LINE // 2**20} MiB")
        yield number, decode_line(line, name, number)


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


def _named(rows: Iterator[tuple[int, list[str]]], name: str) -> Iterator[Row]:
    """Turn cells into values by column."""
    line, header = next(rows, (1, []))
    if not header:
        raise DataError(f"{name}: is empty")
    check_header(header, name, line)
    for number, cells in rows:
        if len(cells) != len(header):
            raise DataError(f"{Place(name, number)}: {wrong_number(len(cells), len(header))}")
        yield Row(number, dict(zip(header, cells, strict=True)))


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


def _read_jsonl(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Row]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as exc:
            raise DataError(f"{name}:{number}: not JSON: {exc}") from exc
        if not isinstance(value, dict):
            raise DataError(f'{name}:{number}: each line must hold an object such as {{"text": "..."}}')
        yield Row(number, value)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _finite(word: str) -> float:
    """Read a number; one beyond the largest could not be written as JSON again."""
    value = float(word)
    if math.isinf(value):
        raise ValueError(f"the number {word} is too large")
    return value


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (pa.ArrowException, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise HostError(f"{path} cannot be read: {exc}") from exc
        raise DataError(f"{path}: not a Parquet file that can be read: {exc}") from exc
