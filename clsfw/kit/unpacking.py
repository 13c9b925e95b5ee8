"""Opens a data file as plain bytes, whatever it is packed in, and stops at a cap."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from clsfw.errors import DataError
from clsfw.kit.inputs import check_file, is_web_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK = 1 << 18
_XZ_MEMORY = 1 << 29  # what a hostile xz header may make the decoder reserve


class _Unpacker(Protocol):
    """The common shape of the decompressors of the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gunzip:
    """A wrapper for zlib's decompressor with the shape of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


@dataclass(frozen=True)
class _Packing:
    name: str
    magic: bytes
    suffix: str
    unpacker: Callable[[], _Unpacker]
    padded: bool  # whether the format allows NUL bytes after its end


_PACKINGS = (
    _Packing("bz2", b"BZh", ".bz2", bz2.BZ2Decompressor, padded=False),
    _Packing("gzip", b"\x1f\x8b", ".gz", _Gunzip, padded=True),
    _Packing("xz", b"\xfd7zXZ\0", ".xz", lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY), padded=True),
)
_MAGIC_LENGTH = max(len(packing.magic) for packing in _PACKINGS)

# What people pass by mistake, told by the first bytes.
_OTHERS = (
    (b"PK\x03\x04", "is a zip archive (a spreadsheet is one, too); unpack it and name the CSV file inside"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd; compress it by bz2, gzip or xz, or not at all"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it and name the CSV file inside"),
    (b"PAR1", "is a Parquet file, not text; name it .parquet, or read it with use = 'parquet'"),
    (b"ARROW1", "is an Arrow file, not text; read it with use = 'hf-dataset'"),
    (b"%PDF-", "is a PDF, not a file of rows"),
    (b"version https://git-lfs.github.com/", "is only the pointer of a Git LFS file; run `git lfs pull` to get it"),
)


class _Stream(io.RawIOBase):
    """Lets the io module read from an iterator of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]  # the io module passes a writable buffer
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(view), len(self._rest))
        view[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def is_packed(head: bytes) -> bool:
    """Return whether a file that begins so is compressed in a way that is unpacked here."""
    return any(head.startswith(packing.magic) for packing in _PACKINGS)


def open_unpacked(path: Path, name: str, max_bytes: int | None = None) -> io.BufferedReader:
    """Open a file as plain bytes; `name` stands for it in messages. None: no cap.

    Raises:
        DataError: also while reading: it is something else than plain, bz2, gzip or xz data, it is damaged or cut off,
            or its content is larger than `max_bytes`.

    """
    check_file(path, name)
    return io.BufferedReader(_Stream(_capped(_chunks(path, name), name, max_bytes)), buffer_size=_CHUNK)


def _capped(chunks: Iterator[bytes], name: str, max_bytes: int | None) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if max_bytes is not None and total > max_bytes:
            raise DataError(f"{name}: holds more than {max_bytes:,} bytes; raise max_bytes if that is meant")
        yield chunk


def _chunks(path: Path, name: str) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            head = file.read(_CHUNK)
            packing = _packing(path, name, head)
            if packing is not None:
                yield from _unpack(head, file, name, packing)
                return
            while head:
                yield head
                head = file.read(_CHUNK)
    except OSError as exc:
        raise DataError(f"{name}: cannot be read: {exc.strerror or exc}") from exc


def _packing(path: Path, name: str, head: bytes) -> _Packing | None:
    for packing in _PACKINGS:
        if head.startswith(packing.magic):
            return packing
    for magic, words in _OTHERS:
        if head.startswith(magic):
            raise DataError(f"{name}: {words}")
    if is_web_page(head):
        raise DataError(f"{name}: is a web page (HTML), not a file of rows; get the file itself")
    for packing in _PACKINGS:
        if head and path.name.lower().endswith(packing.suffix):
            raise DataError(
                f"{name}: is named {packing.suffix}, but its content is not {packing.name} data; "
                f"get the file again, or drop {packing.suffix} from its name if it is plain CSV"
            )
    return None


def _unpack(data: bytes, file: BinaryIO, name: str, packing: _Packing) -> Iterator[bytes]:
    """Unpack one compressed stream after another, as parallel compressors write them."""
    unpacker = packing.unpacker()
    while True:
        try:
            plain = unpacker.decompress(data, _CHUNK)
        except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError) as exc:
            where = f"somewhere before its byte {file.tell():,}"
            raise DataError(f"{name}: its {packing.name} data is damaged {where} ({exc}); get the file again") from exc
        if plain:
            yield plain
        if unpacker.eof:
            data = _next_stream(unpacker.unused_data, file, name, packing)
            if not data:
                return
            unpacker = packing.unpacker()
            continue
        data = file.read(_CHUNK) if unpacker.needs_input else b""
        if unpacker.needs_input and not data and not plain:
            raise DataError(f"{name}: its {packing.name} data ends too early; the file is cut off, get it again")


def _next_stream(rest: bytes, file: BinaryIO, name: str, packing: _Packing) -> bytes:
    """Return the beginning of the stream that follows, or nothing at the end of the file."""
    while True:
        if packing.padded:
            rest = rest.lstrip(b"\0")
        if len(rest) >= _MAGIC_LENGTH:
            break
        more = file.read(_CHUNK)
        if not more:
            break
        rest += more
    if rest and not rest.startswith(packing.magic):
        raise DataError(
            f"{name}: something else follows after the end of its {packing.name} data, from byte "
            f"{file.tell() - len(rest):,} on; get the file again"
        )
    return rest
