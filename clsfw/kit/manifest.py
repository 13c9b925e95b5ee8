"""What a folder holds, by sha256 and size, and how it differs from what it should hold."""

from __future__ import annotations

import hashlib
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from clsfw.kit import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Manifest = dict[str, dict[str, Any]]
"""Each file's path, parts joined by `/`, with its `bytes` and `sha256`."""


def sha256(path: Path) -> str:
    """Hash a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def take(folder: Path, names: Iterable[str]) -> Manifest:
    """Describe the named files of a folder, and all files below its named folders; absent names are left out."""
    paths = list(_listed(folder, names))
    with ThreadPoolExecutor() as pool:  # hashing lets other threads run, and takes most of the time of a checkpoint
        described = dict(zip([_name(folder, path) for path in paths], pool.map(_describe, paths), strict=True))
    return dict(sorted(described.items()))


def differences(folder: Path, expected: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Say of every file that is not as expected what is wrong with it; `names` as for `take`.

    `expected` comes from a file that may be damaged itself, so nothing about its values is taken for granted.
    """
    with ThreadPoolExecutor() as pool:
        problems = pool.map(_problem, [folder / name for name in expected], expected.values())
        wrong = [f"{name} {problem}" for name, problem in zip(expected, problems, strict=True) if problem is not None]
    try:
        present = {_name(folder, path) for path in _listed(folder, names)}
    except OSError as exc:
        return [*wrong, str(exc)]
    return wrong + [f"{name} was added" for name in sorted(present - set(expected))]


def read(path: Path) -> dict[str, Any] | None:
    """Read a JSON object, or give None if the file is missing, damaged, or holds something else.

    A number that is not finite is damage, and so is half a surrogate pair: what is read here is written again.
    """
    try:
        value = json.loads(path.read_bytes(), parse_constant=_finite, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def _describe(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _problem(path: Path, facts: Any) -> str | None:
    if not isinstance(facts, dict) or not isinstance(facts.get("bytes"), int):
        return "is not described"
    try:
        if path.is_symlink() or not path.is_file():
            return "is missing"
        size = path.stat().st_size
        if size != facts["bytes"]:
            return f"has {size:,} bytes instead of {facts['bytes']:,}"
        return None if sha256(path) == facts.get("sha256") else "was changed"
    except (OSError, ValueError) as exc:  # ValueError: a name with a NUL in it
        return f"cannot be read ({exc})"


def _listed(folder: Path, names: Iterable[str]) -> Iterable[Path]:
    for name in names:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            yield from files.plain_files(path)
        elif path.exists() or path.is_symlink():
            yield path


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
