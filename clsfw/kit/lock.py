"""One process at a time in a run directory or an output: the operating system's lock, which dies with its holder."""

from __future__ import annotations

import json
import os
import platform
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from clsfw.errors import LockedError
from clsfw.kit import files, manifest
from clsfw.kit.disk import explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "lock"


@contextmanager
def locked(
    place: Path, path: Path | None = None, *, instead: str = "choose another directory with --out"
) -> Iterator[None]:
    """Hold the lock of a folder, or of what the lock file `path` stands for; what the file says is only for people.

    Raises:
        LockedError: another process holds it.
        HostError: the operating system refused.

    """
    path = path or place / NAME
    lock = FileLock(path)
    with explained(path):
        try:
            lock.acquire(blocking=False)
        except Timeout as exc:  # an OSError too
            raise LockedError(f"{place} is in use by {_holder(path)}; wait for it, stop it, or {instead}") from exc
    try:
        with explained(path):
            files.overwrite(path, json.dumps(_self()).encode() + b"\n")
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return whether a process is at work in the folder; where we may not look, nobody is."""
    path = folder / NAME
    if not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _self() -> dict[str, object]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "started": now}


def _holder(path: Path) -> str:
    facts = manifest.read(path)
    if not facts:
        return "another process"
    return f"process {facts.get('pid')} on host {facts.get('host')!r} since {facts.get('started')}"
