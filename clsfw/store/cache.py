"""Where downloads and tokens are kept between runs."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

from clsfw.store import files
from clsfw.store.atomic import PREFIX
from clsfw.store.disk import explained

_LEFT_AFTER_SECONDS = 24 * 3600


def cache_directory(name: str) -> Path:
    """Give the folder `name` of the user's cache, made if missing.

    The cache is `$CLSFW_CACHE`, else `$XDG_CACHE_HOME/clsfw`, else `~/.cache/clsfw`. Several processes may use it at
    once, so what a crash left of an unfinished write is removed only after a day.

    Raises:
        HostError: it cannot be made or written.

    """
    own = os.environ.get("CLSFW_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME")
    base = Path(own) if own else (Path(shared) if shared else Path("~/.cache")) / "clsfw"
    folder = base.expanduser().absolute() / name
    with explained(folder):
        files.make_directories(folder)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    for left in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else may be removing it too
            if time.time() - left.stat().st_mtime > _LEFT_AFTER_SECONDS:
                files.remove_tree(left)
    return folder
