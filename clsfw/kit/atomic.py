"""Files and directories that appear whole or not at all, whatever kills the process or the power.

Everything is written under a temporary name beside its place, brought to the disk, and renamed; a crash leaves at most
something called `.tmp-*`.
"""

from __future__ import annotations

import errno
import json
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from clsfw.errors import HostError
from clsfw.kit import files
from clsfw.kit.disk import explained, explained_libraries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PREFIX = ".tmp-"


def temporary(path: Path) -> Path:
    """Return a temporary name beside `path`; short, so that a long name does not become too long."""
    return path.with_name(f"{PREFIX}{secrets.token_hex(6)}")


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file at once, replacing the one that may be there.

    Raises:
        HostError: the operating system refused; a file that was there is untouched.

    """
    write_pieces(path, [data], needed=len(data))


def write_pieces(path: Path, pieces: Iterable[bytes], *, needed: int | None = None) -> None:
    """Write a file piece by piece, so that memory never holds all of it; else as `write_bytes`.

    `needed` is its size, where that is known.
    """
    with explained(path, needed=needed):
        temp = temporary(path)
        given = iter(pieces)
        try:
            files.create(temp, next(given, b""))
            for piece in given:
                files.append(temp, piece)
            files.sync(temp)
            files.rename(temp, path)
        except BaseException:
            with suppress(OSError):
                files.remove(temp)
            raise
        files.sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file at once as UTF-8, line ends as they are; as `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Write a JSON file at once, keys in the order given; as `write_bytes`.

    Raises:
        ValueError: a number is not finite.
        HostError: as for `write_bytes`.

    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def staged_directory(path: Path) -> Iterator[Path]:
    """Return an empty directory to fill, which takes the name `path` when the block ends well.

    A directory that was there is removed afterwards. If the block raises, nothing has changed.

    Raises:
        HostError: the operating system refused, also where a library in the block hid that in an error of its own.

    """
    temp = temporary(path)
    try:
        with explained(path):
            files.make_directory(temp)
        with explained_libraries(path):
            yield temp
        with explained(path):
            for _ in files.plain_files(temp):
                pass  # links and the like are refused before anything changes
            files.sync_tree(temp)
            old = _put(temp, path)
            files.sync(path.parent)
    except BaseException as exc:
        with suppress(OSError):
            files.remove_tree(temp)
        if isinstance(exc, HostError) and str(temp) in str(exc):  # nobody knows the temporary name
            raise HostError(str(exc).replace(str(temp), str(path))) from exc
        raise
    if old is not None:
        with explained(old, "remove"):
            files.remove_tree(old)


def remove_directory(path: Path) -> None:
    """Remove a directory with all in it; a crash leaves it whole, or gone except for something called `.tmp-*`.

    Raises:
        HostError: the operating system refused.

    """
    with explained(path, "remove"):
        away = _move_away(path)
        if away is not None:
            files.remove_tree(away)


def _put(temp: Path, path: Path) -> Path | None:
    """Rename a directory to its place; return what was there, under the temporary name that it has now."""
    while True:
        old = _move_away(path)
        try:
            files.rename(temp, path)
        except OSError as exc:
            if exc.errno in (errno.EEXIST, errno.ENOTEMPTY):
                if old is not None:
                    files.remove_tree(old)
                continue  # in a shared cache another process was faster; both have written the same
            if old is not None:
                files.rename(old, path)
            raise
        return old


def _move_away(path: Path) -> Path | None:
    away = temporary(path)
    try:
        if path.exists() or path.is_symlink():
            files.rename(path, away)
            return away
    except FileNotFoundError:
        pass  # in a shared cache another process was faster
    return None


def remove_leftovers(folder: Path) -> None:
    """Remove what a crash left of unfinished writes in a folder; only for who alone may write there.

    Raises:
        HostError: the operating system refused.

    """
    if not folder.is_dir():
        return
    for left in sorted(folder.glob(f"{PREFIX}*")):
        with explained(left, "remove"):
            files.remove_tree(left)
