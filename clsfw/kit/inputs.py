"""Looks at local files before they are read."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from clsfw.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_HTML = (b"<!doctype html", b"<html", b"<head", b"<body")


def is_web_page(head: bytes) -> bool:
    """Return whether a file that begins so is a web page (an error or login page, usually) instead of data."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower().startswith(_HTML)


def check_file(path: Path, name: str) -> None:
    """Refuse a path that is not a readable file, and say what is there instead.

    Raises:
        DataError: it is missing, a directory, or no regular file.

    """
    try:
        if path.is_dir():
            inside = sorted(child.name for child in path.iterdir() if ".csv" in child.name)[:3]
            hint = f", such as {', '.join(map(repr, inside))}" if inside else ""
            raise DataError(f"{name}: is a directory; name a file in it{hint}")
        if not path.exists():
            raise DataError(f"{name}: no such file{_neighbour(path)}")
    except OSError as exc:
        raise DataError(f"{name}: cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    if not path.is_file():
        raise DataError(f"{name}: is neither a file nor a directory; give a regular file")


def _neighbour(path: Path) -> str:
    folder = next(above for above in path.parents if above.is_dir())
    if folder != path.parent:
        return f"; there is no folder {path.parent.name!r} either"
    names = sorted(child.name for child in folder.iterdir() if child.is_file())
    same = [name for name in names if name.startswith(path.name) or path.name.startswith(f"{name}.")]
    near = same or difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
