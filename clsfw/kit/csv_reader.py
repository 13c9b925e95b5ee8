"""Reads CSV strictly: every row with the line where it begins, every fault with the line where it lies."""

from __future__ import annotations

import codecs
import csv
import io
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from clsfw.errors import DataError, Place
from clsfw.kit.unpacking import open_unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

FIELD_LIMIT = 1 << 24
"""The longest field in characters: the csv module's own limit, 131072, would refuse real reviews."""

_PEEK = 1 << 16


@contextmanager
def csv_rows(
    path: Path, name: str, *, encoding: str, delimiter: str, max_bytes: int | None = None
) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Return the rows of a CSV file, its header too, each with the line where it begins; blank lines are skipped.

    Raises:
        DataError: also while iterating: the file cannot be unpacked or decoded, or breaks the rules of CSV.

    """
    # utf-8-sig lets a byte order mark pass.
    decoding = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding

    @contextmanager
    def opened() -> Iterator[io.TextIOWrapper]:
        with open_unpacked(path, name, max_bytes) as binary:
            head = binary.peek(_PEEK)[:_PEEK]
            refuse_utf16(head, name, encoding)
            # Lines end in LF or CR LF; only a file without any LF ends them in CR, as old Macs did.
            newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
            yield io.TextIOWrapper(binary, encoding=decoding, newline=newline)

    before = csv.field_size_limit(FIELD_LIMIT)  # global to the csv module, so it is put back below
    try:
        with opened() as text:
            yield _rows(text, name, encoding, delimiter)
    except _FaultError as fault:
        # Only now is it worth the time to find the very place.
        with opened() as again:
            raise fault.explained(again, name, delimiter) from fault.__cause__
    except UnicodeDecodeError as exc:
        with open_unpacked(path, name, max_bytes) as binary:
            raise _undecodable(binary, name, encoding) from exc
    finally:
        csv.field_size_limit(before)


DELIMITERS = (",", ";", "\t", "|")
"""The usual delimiter."""


def likely_delimiter(header: Sequence[str], delimiter: str) -> str | None:
    """Return what seems to separate the fields of a header that was split at `delimiter`, or None if that does."""
    joined = delimiter.join(header)
    return next((other for other in DELIMITERS if other != delimiter and joined.count(other) >= len(header)), None)


def refuse_utf16(head: bytes, name: str, encoding: str = "utf-8") -> None:
    """Refuse the beginning of a file that is UTF-16, unless that is expected.

    Raises:
        DataError: it is.

    """
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        return
    found = None
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = "utf-16"
    for guess, high_bytes in (("utf-16-le", head[1:200:2]), ("utf-16-be", head[:200:2])):
        if found is None and len(high_bytes) > 1 and high_bytes.count(0) > 0.9 * len(high_bytes):
            found = guess
    if found is not None:
        at = next((i for i, byte in enumerate(head) if byte in (0, 0xFE, 0xFF)), 0)
        raise DataError(
            f"{Place(name, 1)}: byte {head[at]:#04x} at offset {at} is not {encoding} text; "
            f'the file is UTF-16: set encoding = "{found}"'
        )


def _rows(text: io.TextIOWrapper, name: str, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_lines(text, name), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as exc:
        raise _FaultError(str(exc), line, reader.line_num) from exc
    except UnicodeDecodeError:
        raise  # told by `csv_rows`, which can read again
    except UnicodeError as exc:
        raise DataError(f'{Place(name, line)}: is not {encoding} text ({exc}); try encoding = "utf-8"') from exc


def _lines(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    number = 0
    while line := text.readline(FIELD_LIMIT):
        number += 1
        if "\0" in line:
            raise DataError(
                f"{Place(name, number, line.index(chr(0)) + 1)}: a NUL byte; the file is damaged, or no text"
            )
        if len(line) == FIELD_LIMIT and not line.endswith(("\n", "\r")):
            raise DataError(
                f"{Place(name, number)}: a line of more than {FIELD_LIMIT:,} characters; is this a CSV file?"
            )
        yield line


class _FaultError(Exception):
    """What the csv module stumbled over, in a record from line `first` on, when it had read up to line `last`."""

    def __init__(self, words: str, first: int, last: int) -> None:
        self.first = first
        self.last = last
        super().__init__(words)

    def explained(self, text: io.TextIOWrapper, name: str, delimiter: str) -> DataError:
        """Point at the quote that was opened, not at the far end of the file where the csv module gave up."""
        words = str(self)
        opened = self.first + _quote_line(islice(text, self.first - 1, self.last), delimiter)
        if words.startswith("unexpected end"):
            told = 'the quote that opens here is never closed; write a quote in a text as ""'
        elif words.startswith("field larger"):
            told = (
                f"a field of more than {FIELD_LIMIT:,} characters begins here; a quote that is never closed does this"
            )
        elif words.startswith("new-line character"):
            opened = self.last
            told = "a bare carriage return outside quotes; end all lines alike, and quote such texts"
        else:
            closing = "" if self.last == opened else f" and closes on line {self.last}"
            told = (
                f"text after the closing quote of the field that opens here{closing}; "
                'a quote is missing, or one within the text is not written as ""'
            )
        return DataError(f"{Place(name, opened)}: {told}")


def _quote_line(lines: Iterable[str], delimiter: str) -> int:
    """Find the line, from 0 within the record, where the quoted field opens that the csv module stumbled over."""
    opened, state = 0, "start"
    for number, text in enumerate(lines):
        at = 0
        while at < len(text):
            char = text[at]
            if state == "quoted":
                at = text.find('"', at)
                if at < 0:
                    break
                state = "closed"
            elif char == '"' and state == "start":
                opened, state = number, "quoted"
            elif char == '"' and state == "closed":
                state = "quoted"  # a doubled quote stands for one; the field goes on
            elif state == "closed" and char not in (delimiter, "\r", "\n"):
                return opened
            else:
                state = "start" if char == delimiter else "plain"
            at += 1
    return opened


def _undecodable(binary: io.BufferedReader, name: str, encoding: str) -> DataError:
    """Read once more to find the byte: the reader's own error counts within its buffer only."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    while True:
        chunk = binary.read(_PEEK)
        pending = len(decoder.getstate()[0])
        try:
            line += decoder.decode(chunk, final=not chunk).count("\n")
        except UnicodeDecodeError as exc:
            line += exc.object[: exc.start].decode(encoding, "replace").count("\n")
            byte = exc.object[exc.start] if exc.start < len(exc.object) else 0
            # Bytes 0x80 to 0x9f are controls in latin-1 and quotes, dashes and the euro in cp1252.
            western = "cp1252" if 0x80 <= byte < 0xA0 else "latin-1"  # noqa: PLR2004  # said above
            hint = f'if it is Western European text, set encoding = "{western}"'
            if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
                hint = 'try encoding = "utf-8"'
            where = f"byte {byte:#04x} at offset {offset - pending + exc.start:,}"
            return DataError(f"{Place(name, line)}: {where} is not {encoding} text; {hint}")
        if not chunk:
            return DataError(f"{name}: changed while it was read")
        offset += len(chunk)
