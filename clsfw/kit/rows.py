"""Reads rows from the files that `predict` and `evaluate` take, one at a time: CSV, JSONL, Parquet, plain lines.

Each row is a mapping of columns to values, with the number that an error names it by: the line it begins on, or in a
Parquet file its own number. Memory does not grow with the file.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

from clsfw.errors import DataError, HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

TEXT = "text"
"""The one column of a file of plain lines."""

FORMATS = (".csv", ".jsonl", ".parquet", ".txt")
LONGEST_LINE = 64 * 2**20
_OPENERS: Mapping[str, Callable[..., Any]] = {".bz2": bz2.open, ".gz": gzip.open, ".xz": lzma.open}
_BOM = b"\xef\xbb\xbf"


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
    if suffixes and suffixes[-1] in _OPENERS:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        raise DataError(f"{path}: the name must end in {', '.join(FORMATS)}, perhaps with .gz, .bz2 or .xz after it")
    return suffixes[-1]


def read_rows(path: Path) -> Iterator[Row]:
    """Return the rows of a file, in its order.

    Raises:
        DataError: the file is missing, damaged, or not what its name says; the message names the line.
        HostError: the operating system refused.

    """
    kind = format_of(path)
    if kind == ".parquet":
        yield from _read_parquet(path)
        return
    with _opened(path) as file:
        lines = read_lines(file, str(path), keep_ends=kind == ".csv")
        if kind == ".csv":
            yield from _read_csv(lines, str(path))
        elif kind == ".jsonl":
            yield from _read_jsonl(lines, str(path))
        else:
            yield from (Row(number, {TEXT: line}) for number, line in lines)


def read_lines(file: IO[bytes], name: str, *, keep_ends: bool = False) -> Iterator[tuple[int, str]]:
    """Return the lines of a file with their numbers.

    Raises:
        DataError: a line is not UTF-8, or too long to be a text.

    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise DataError(f"{name}:{number}: the line is longer than {LONGEST_LINE // 2**20} MiB")
        yield number, decode_line(line, name, number, keep_end=keep_ends)


def decode_line(line: bytes, name: str, number: int, *, keep_end: bool = False) -> str:
    """Decode one line.

    Raises:
        DataError: it is not UTF-8.

    """
    if number == 1:
        line = line.removeprefix(_BOM)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as exc:
        byte = f"byte 0x{line[exc.start]:02x} at position {exc.start + 1}"
        raise DataError(f"{name}:{number}: not UTF-8 ({byte}); save the file as UTF-8") from exc
    return text if keep_end else text.removesuffix("\n").removesuffix("\r")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    opener = _OPENERS.get(path.suffix.lower())
    try:
        with opener(path, "rb") if opener else path.open("rb") as file:
            yield file
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise DataError(
            f"{path}: {'no such file' if isinstance(exc, FileNotFoundError) else 'is a directory'}"
        ) from exc
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as exc:
        raise DataError(f"{path}: the compressed file is damaged or cut: {exc}") from exc
    except OSError as exc:
        if opener is bz2.open and exc.errno is None:  # this is how bz2 says that the data is damaged
            raise DataError(f"{path}: the compressed file is damaged or cut: {exc}") from exc
        raise HostError(f"{path} cannot be read: {exc}") from exc


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let the csv module take long reviews; its limit is global to the process, so it is put back."""
    before = csv.field_size_limit(LONGEST_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_csv(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Row]:
    reader = csv.reader((line for _, line in lines), strict=True)
    header: list[str] = []
    begin = 1
    with _long_fields():
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as exc:
                raise DataError(f"{name}:{begin}: broken CSV in the record that begins here: {exc}") from exc
            if not header:
                header = _header(cells, name)
            elif cells:
                if len(cells) != len(header):
                    raise DataError(f"{name}:{begin}: {len(cells)} field(s) where the header has {len(header)}")
                yield Row(begin, dict(zip(header, cells, strict=True)))
            begin = reader.line_num + 1
    if not header:
        raise DataError(f"{name}: is empty")


def _header(cells: list[str], name: str) -> list[str]:
    if not cells:
        raise DataError(f"{name}:1: the header is empty")
    twice = next((cell for cell in cells if cells.count(cell) > 1), None)
    if twice is not None:
        raise DataError(f"{name}:1: the header names the column {twice!r} twice")
    return cells


def _read_jsonl(lines: Iterable[tuple[int, str]], name: str) -> Iterator[Row]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as exc:
            raise DataError(f"{name}:{number}: not JSON: {exc}") from exc
        if not isinstance(value, dict):
            raise DataError(f'{name}:{number}: each line must hold an object such as {{"text": "..."}}')
        yield Row(number, value)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


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
    except FileNotFoundError as exc:
        raise DataError(f"{path}: no such file") from exc
    except (pa.ArrowException, OSError) as exc:
        raise DataError(f"{path}: not a Parquet file that can be read: {exc}") from exc
