"""Cuts files of rows into pieces that are labelled one by one, the same from the same files whoever does it.

A Parquet file is cut between rows, along its row groups where these are small; JSON lines and plain lines at the first
line end after each so many bytes; CSV, whose texts may hold line ends, after it was read once. What is compressed, or
in an encoding whose line ends cannot be found among its bytes, is one piece.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from clsfw.bulk.inputs import Input
from clsfw.bulk.places import scratch
from clsfw.errors import DataError
from clsfw.inference.reading import RowFile
from clsfw.kit.csv_reader import FIELD_LIMIT, refuse_utf16
from clsfw.kit.rows import parquet_file
from clsfw.kit.unpacking import is_packed

if TYPE_CHECKING:
    from collections.abc import Sequence

PART_BYTES = 16 * 2**20
PART_ROWS = 65_536
"""A piece ends with about so many bytes, in a Parquet file also with so many rows, or more where it may be larger."""

_HEAD = 1 << 16
_ASKED_AT_ONCE = 16
_ONE_BYTE_LINE_ENDS = ("utf-8", "ascii", "cp125", "iso8859", "koi8", "mac", "cp850", "cp437")


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, all of them or from `start` and before `stop`, counted in rows or in bytes.

    `number` is that of the part, `file` that of the input. Of bytes of a CSV file, the first `head` bytes of the file
    hold its header, and `shift` lines are to be added to a line's number in header and bytes together.
    """

    number: int
    file: int
    unit: Literal["all", "rows", "bytes"] = "all"
    start: int = 0
    stop: int = 0
    head: int = 0
    shift: int = 0

    def to_json(self) -> list[Any]:
        """Return its values."""
        return list(asdict(self).values())


Describe = Callable[[Path, Input], RowFile]
_Cut = dict[str, Any]  # the fields of a piece, without its numbers


def cut(inputs: Sequence[Input], describe: Describe, part_bytes: int) -> list[Piece]:
    """Cut all files; `describe` says how the text file at a path is read.

    Raises:
        DataError: a file cannot be read.
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    with _long_fields(), ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:  # most of the time is waiting for a server
        cuts = list(pool.map(lambda file: _cut(file, describe, part_bytes), inputs))
    flat = [(number, one) for number, several in enumerate(cuts) for one in several]
    return [Piece(number, file, **one) for number, (file, one) in enumerate(flat)]


def _cut(file: Input, describe: Describe, part_bytes: int) -> list[_Cut]:
    kind = file.format
    if kind == ".parquet":
        return _cut_parquet(file, part_bytes)
    if file.size <= part_bytes:
        return [{}]
    with file.place.opened() as opened:
        head = opened.read(_HEAD)
        if is_packed(head) or (b"\r" in head and b"\n" not in head):
            return [{}]
        if kind not in {".csv", ".tsv"}:
            count = -(-file.size // part_bytes)
            places = [i * file.size // count for i in range(count + 1)]
            return [{"unit": "bytes", "start": start, "stop": stop} for start, stop in pairwise(places)]
        with _beginning(file, head) as path:
            rows = describe(path, file)
            encoding, delimiter = rows.encoding, rows.delimiter
        if not _is_cuttable(head, encoding):
            return [{}]
        opened.seek(0)
        return _cut_csv(opened, encoding, delimiter, file.size, part_bytes)


@contextmanager
def _beginning(file: Input, head: bytes) -> Iterator[Path]:
    """Return a path of this machine with at least the file's first line."""
    if file.place.protocol is None:
        yield file.place.path
        return
    with scratch() as folder:
        path = folder / f"head{file.format}"
        path.write_bytes(head[: head.rfind(b"\n") + 1])
        yield path


def _cut_parquet(file: Input, part_bytes: int) -> list[_Cut]:
    with file.place.opened() as opened, parquet_file(opened, str(file.place)) as parquet:
        groups = [parquet.metadata.row_group(i) for i in range(parquet.num_row_groups)]
        sizes = [(group.num_rows, group.total_byte_size) for group in groups]
    places, row, rows, size = [0], 0, 0, 0
    most = max(PART_ROWS, part_bytes * PART_ROWS // PART_BYTES)
    for group_rows, group_size in sizes:
        if rows and (rows + group_rows > most or size + group_size > part_bytes):
            places.append(row)
            rows = size = 0
        count = max(-(-group_rows // most), -(-group_size // part_bytes), 1)
        places += [row + i * group_rows // count for i in range(1, count)]
        rows, size = (rows + group_rows, size + group_size) if count == 1 else (most, part_bytes)
        row += group_rows
    places = sorted({*places, row}) if row else [0, 0]
    return [{"unit": "rows", "start": start, "stop": stop} for start, stop in pairwise(places)]


def _is_cuttable(head: bytes, encoding: str) -> bool:
    try:
        refuse_utf16(head, "", encoding)
    except DataError:
        return False
    return codecs.lookup(encoding).name.startswith(_ONE_BYTE_LINE_ENDS)


class _Counted:
    """The lines of an open file, with how many were given and how many bytes they have."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self.lines = self.bytes = 0
        self._file = file
        self._encoding = encoding

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(FIELD_LIMIT):
            self.lines += 1
            self.bytes += len(line)
            yield line.decode(self._encoding, "replace")


def _cut_csv(file: IO[bytes], encoding: str, delimiter: str, size: int, part_bytes: int) -> list[_Cut]:
    counted = _Counted(file, encoding)
    head = head_lines = 0
    places: list[tuple[int, int]] = []
    try:
        for cells in csv.reader(counted, delimiter=delimiter, strict=True):
            if not head and cells:  # lines before the header may be blank
                head, head_lines = counted.bytes, counted.lines
                places = [(head, head_lines)]
            elif head and counted.bytes - places[-1][0] >= part_bytes:
                places.append((counted.bytes, counted.lines))
    except csv.Error:
        pass  # who labels the last piece meets it again, and says where it lies
    if not head:
        return [{}]
    if places[-1][0] < size or len(places) == 1:
        places.append((size, counted.lines))
    return [
        {"unit": "bytes", "start": start, "stop": stop, "head": head, "shift": lines - head_lines}
        for (start, lines), (stop, _) in pairwise(places)
    ]


@contextmanager
def _long_fields() -> Iterator[None]:
    before = csv.field_size_limit(FIELD_LIMIT)  # global to the csv module
    try:
        yield
    finally:
        csv.field_size_limit(before)
