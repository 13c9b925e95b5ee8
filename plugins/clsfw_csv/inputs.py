"""Finds the files that a source names, and knows each by the hash of its content."""

from __future__ import annotations

import glob
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw import DataError
from clsfw.kit import check_file
from clsfw_csv import pinned_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clsfw import Reporter


@dataclass(frozen=True)
class FoundFile:
    """A file with its SHA-256; `name` stands for it in messages, `stamp` is its size and time when it was hashed."""

    path: Path
    name: str
    sha256: str
    stamp: tuple[int, int]

    def check_unchanged(self) -> None:
        """See that nobody wrote to it since it was hashed.

        Raises:
            DataError: somebody did.

        """
        if _stamp(self.path) != self.stamp:
            raise DataError(f"{self.name}: changed while it was read; run again when nothing writes to it")


def find_files(sources: Iterable[str], hashes: Sequence[str], max_bytes: int, reporter: Reporter) -> list[FoundFile]:
    """Have what paths, patterns and URLs name here, by download if need be; `hashes` pins each of them, or none.

    Raises:
        DataError: there is no such file, or its content is not the pinned one.
        NetworkError: a URL cannot be had, and no copy is in the cache.
        HostError: the cache cannot be written.

    """
    names = [name for source in sources for name in _matches(source)]
    if hashes and len(hashes) != len(names):
        raise DataError(f"{_shown(Path(names[0]))}: {pinned_count(len(hashes), len(names))}")
    pins: Sequence[str | None] = hashes or [None] * len(names)
    return [_find(name, pin, max_bytes, reporter) for name, pin in zip(names, pins, strict=True)]


def _matches(source: str) -> list[str]:
    if "://" in source or not glob.has_magic(source) or Path(source).exists():
        return [source]
    matches = sorted(glob.glob(source, recursive=True))  # noqa: PTH207  # pathlib has no absolute patterns
    if not matches:
        raise DataError(f"{_shown(Path(source))}: no file matches this pattern")
    return matches


def _find(name: str, sha256: str | None, max_bytes: int, reporter: Reporter) -> FoundFile:
    if "://" not in name:
        return _local(Path(name), sha256)
    from clsfw_csv.download import download
    from clsfw_csv.urls import redact

    path, digest = download(name, sha256, max_bytes, reporter)
    return FoundFile(path, redact(name), digest, _stamp(path))


def _local(path: Path, sha256: str | None) -> FoundFile:
    name = _shown(path)
    check_file(path, name)
    try:
        stamp, digest = _stamp(path), sha256_of(path)
    except OSError as exc:
        raise DataError(f"{name}: cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    check_pin(name, digest, sha256)
    return FoundFile(path, name, digest, stamp)


def _stamp(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns


def _shown(path: Path) -> str:
    """Name a file as a person at the prompt would."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def sha256_of(path: Path) -> str:
    """Hash a file's content as it is stored.

    Raises:
        OSError: it cannot be read.

    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> object:
    """Return what a JSON file of the cache holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON.

    """
    return json.loads(path.read_text(encoding="utf-8"))


def check_pin(name: str, digest: str, pinned: str | None) -> None:
    """Refuse a content that is not the one that the recipe pins.

    Raises:
        DataError: with both hashes.

    """
    if pinned is not None and digest != pinned:
        raise DataError(
            f"{name}: its sha256 is {digest}, but the recipe pins {pinned}; "
            "get the pinned file, or pin this one if the change is known"
        )
