"""Says what a plugin's code raised, and where in the author's own files."""

from __future__ import annotations

import importlib.util
import os
import traceback
from pathlib import Path

import pluggy

from clsfw.errors import ClsfwError

PACKAGES = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
"""What pip calls a module by another name."""

_LONGEST = 600

# The folders whose frames are never the author's: the core, pluggy, and the import machinery.
_PASSED_THROUGH = tuple(
    str(Path(file).parent) + os.sep for file in (str(Path(__file__).parent), pluggy.__file__, importlib.__file__)
)


def describe(exc: BaseException, folder: Path | None) -> str:
    """Say what was raised, and the last line of the author's own code that it passed.

    `folder` is the package folder, or the one file, that the plugin was loaded from.
    """
    what = _words(exc)
    if isinstance(exc, SyntaxError) and exc.filename:
        return f"{type(exc).__name__}: {exc.msg} ({exc.filename}:{exc.lineno})"
    if not isinstance(exc, ClsfwError):
        what = f"{type(exc).__name__}: {what}" if what else type(exc).__name__
    place = _place(exc, folder)
    return f"{what} ({place})" if place else what


def missing_library(exc: BaseException, folder: Path | None) -> str | None:
    """Return the library that an import needs and nobody installed; a module of the plugin's own is its author's."""
    # A library that imports its parts late, as transformers does, raises an error of its own from the first one.
    while isinstance(exc, ImportError) and not exc.name and exc.__cause__ is not None:
        exc = exc.__cause__
    if not isinstance(exc, ModuleNotFoundError) or not exc.name:
        return None
    top = exc.name.partition(".")[0]
    return None if (folder is not None and top == folder.stem) or is_installed(top) else top


def is_installed(module: str) -> bool:
    """Return whether a top-level module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _words(exc: BaseException) -> str:
    try:
        words = str(exc)
    except Exception:  # noqa: BLE001  # an author's __str__ may fail in any way, and must not hide the error itself
        return "its message cannot be shown"
    return words if len(words) <= _LONGEST else words[:_LONGEST] + "..."


def _place(exc: BaseException, folder: Path | None) -> str | None:
    frames = [f for f in traceback.extract_tb(exc.__traceback__) if not f.filename.startswith("<")]
    own = [f for f in frames if folder is not None and Path(f.filename).is_relative_to(folder)]
    others = [f for f in frames if not f.filename.startswith(_PASSED_THROUGH)]
    last = (own or others)[-1:]
    return f"{last[0].filename}:{last[0].lineno}" if last else None
