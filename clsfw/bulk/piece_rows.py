"""Reads the rows of one piece, and names each as the whole file does."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING

from clsfw.bulk.places import scratch
from clsfw.errors import DataError, Place
from clsfw.kit.disk import explained
from clsfw.kit.rows import parquet_file, parquet_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clsfw.bulk.inputs import Input
    from clsfw.bulk.pieces import Describe, Piece
    from clsfw.inference.reading import RowFile
    from clsfw.kit.rows import OnFault, Row

_BLOCK = 1 << 20


class PieceRows:
    """The rows of a piece; the number of each counts from where the piece begins, and `number` makes it the file's."""

    def __init__(self, file: Input, piece: Piece, describe: Describe) -> None:
        self._file = file
        self._piece = piece
        self._describe = describe
        self.name = str(file.place)

    def number(self, number: int) -> int:
        """Return the line, or in a Parquet file the row, that a row has in the whole file."""
        return number + (self._lines_before if self._is_lines else self._piece.shift)

    def place(self, number: int) -> str:
        """Return how a message names a row."""
        return str(Place(self.name, self.number(number)))

    def rows(self, on_fault: OnFault | None = None) -> Iterator[Row]:
        """Return the rows, in the order of the file; `on_fault` is called with the file's own numbers.

        Raises:
            DataError: the file cannot be read, or is not what its name says; the message names the line.
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        if self._file.format == ".parquet":
            with self._file.place.opened() as opened, parquet_file(opened, self.name) as parquet:
                yield from parquet_rows(parquet, self.name, self._piece.start, self._piece.stop)
            return

        def told(kind: str, line: int, words: str) -> None:
            if on_fault is not None:
                on_fault(kind, self.number(line), words)

        with self.text_file() as file:
            try:
                yield from file.rows(None if on_fault is None else told)
            except DataError as exc:
                raise self._in_file(exc) from exc

    @contextmanager
    def text_file(self) -> Iterator[RowFile]:
        """Return the piece of a text file as a file of its own, whose rows count from where the piece begins."""
        if self._piece.unit == "all":
            with self._file.place.here() as path:
                yield self._describe(path, self._file)
            return
        with scratch() as folder:
            path = folder / f"rows{self._file.format}"
            self._copy(path)
            yield self._describe(path, self._file)

    def _in_file(self, exc: DataError) -> DataError:
        """Return a message with the line of the file in place of that of the piece."""
        found = re.match(rf"{re.escape(self.name)}:(\d+)", str(exc))
        return exc if found is None else DataError(self.place(int(found[1])) + str(exc)[found.end() :])

    @property
    def _is_lines(self) -> bool:
        return self._piece.unit == "bytes" and not self._piece.head

    def _copy(self, path: Path) -> None:
        """Write the header and the bytes of the piece to a file; lines that begin in them are in it whole."""
        with self._file.place.opened() as source, explained(path), path.open("wb") as target:
            target.write(source.read(self._piece.head))
            start = self._seek(source)
            rest, last = self._piece.stop - start, b"\n"
            while rest > 0 and (block := source.read(min(rest, _BLOCK))):
                target.write(block)
                rest -= len(block)
                last = block
            if self._is_lines and not last.endswith(b"\n"):
                target.write(source.readline())

    def _seek(self, source: IO[bytes]) -> int:
        """Go to the first line that begins in the piece, and return its place."""
        start = self._piece.start
        if not self._is_lines or not start:
            source.seek(start)
            return start
        source.seek(start - 1)
        return start - 1 + len(source.readline())

    @cached_property
    def _lines_before(self) -> int:
        """How many lines of the file begin before the piece: counted only where a message needs it."""
        with self._file.place.opened() as source:
            rest = self._seek(source)
            source.seek(0)
            lines = 0
            while rest > 0 and (block := source.read(min(rest, _BLOCK))):
                lines += block.count(b"\n")
                rest -= len(block)
        return lines
