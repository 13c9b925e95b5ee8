"""Which places are fit for a run directory, and how an old one makes way."""

from __future__ import annotations

import os
from pathlib import Path

from clsfw.errors import RunDirectoryError
from clsfw.kit import files
from clsfw.kit.atomic import PREFIX
from clsfw.kit.disk import explained
from clsfw.kit.lock import NAME as LOCK

RECORD = "run.json"


def checked(path: Path) -> Path:
    """Return the path in full if a run may live there; nothing is changed.

    Raises:
        RunDirectoryError: it may not; the message says why.
        HostError: the operating system does not let us look.

    """
    with explained(path, "use"):
        path = path.expanduser().resolve()
        if path.exists() and not path.is_dir():
            raise RunDirectoryError(f"{path} is a file; a run needs a directory of its own")
        if path == Path(path.anchor):
            raise RunDirectoryError(f"{path} is the root of the file system; a run needs a directory of its own")
        if path == _home():
            raise RunDirectoryError(f"{path} is your home directory; a run needs a directory of its own")
        if (path / ".git").exists():
            raise RunDirectoryError(f"{path} is the top of a git repository; a run needs a directory of its own")
        if path.is_dir() and not is_run(path) and (foreign := _foreign(path)):
            raise RunDirectoryError(
                f"{path} is not empty and holds no run (it has {foreign!r}); choose a new or an empty directory"
            )
        above = next(folder for folder in (path, *path.parents) if folder.exists())
        if not above.is_dir():
            raise RunDirectoryError(f"{above} is a file, so no directory can be made below it")
        if not os.access(above, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise RunDirectoryError(f"{above} cannot be written by this user; choose another place")
    return path


def is_run(path: Path) -> bool:
    """Return whether a run has begun here."""
    return (path / RECORD).is_file()


def move_aside(path: Path) -> Path:
    """Rename a run directory to the first free name of `NAME.old-1`, `NAME.old-2` and so on, and give that.

    Raises:
        HostError: the operating system refused.

    """
    count = 1
    while (aside := path.with_name(f"{path.name}.old-{count}")).exists():
        count += 1
    with explained(path, "rename"):
        files.rename(path, aside)
        files.sync(path.parent)
    return aside


def _foreign(path: Path) -> str | None:
    """Name something that no run can have left before its `run.json` was there."""
    names = sorted(inner.name for inner in path.iterdir())
    return next((name for name in names if name != LOCK and not name.startswith(PREFIX)), None)


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except RuntimeError:
        return None
