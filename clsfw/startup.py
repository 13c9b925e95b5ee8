"""Where the command is started without the libraries that all of it needs, says so in one line and ends it.

It is imported before everything else: the console script imports the package, which imports pydantic, so nobody else
could catch that. A program that imports clsfw gets the `ModuleNotFoundError` itself.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NEEDED = ("pluggy", "pydantic")


def _missing() -> list[str]:
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


if sys.argv and Path(sys.argv[0]).stem in {"clsfw", "-m"} and (_gone := _missing()):
    sys.stderr.write(
        f"clsfw: error: not installed: {', '.join(_gone)}; `pip install {' '.join(_gone)}`, or install clsfw again\n"
    )
    raise SystemExit(6)
