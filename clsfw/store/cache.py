"""Where downloads and tokens are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from clsfw.store import files
from clsfw.store.disk import explained


def cache_directory(name: str) -> Path:
    """Give the folder `name` of the user's cache, made if missing.

    The cache is `$CLSFW_CACHE`, else `$XDG_CACHE_HOME/clsfw`, else `~/.cache/clsfw`.

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
            raise PermissionError(13, os.strerror(13))
    return folder
