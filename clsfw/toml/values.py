"""Values that TOML knows and recipes do not: dates, numbers without end, secrets, halves of characters."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from clsfw.toml.document import Document, Flaw, refuse, walk
from clsfw.toml.secrets import ADVICE, SECRET_KEY, holds_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw.toml.positions import KeyPath

_LARGEST = 2**63


def check_values(document: Document) -> Iterator[Flaw]:
    """Find values that TOML knows and recipes do not: dates, numbers without end, secrets.

    Raises:
        RecipeError: a text cannot be written to any file.

    """
    for path, value in walk(document.values):
        name = path[-1] if path else ""
        if not _encodable(str(name)) or (isinstance(value, str) and not _encodable(value)):
            refuse(document, path, "holds half a character, which no file can hold")
        elif _names_secret(path) or (isinstance(value, str) and holds_secret(value)):
            yield Flaw(path, ADVICE, show_line=False)
        elif message := _refused(value):
            yield Flaw(path, message)


def _names_secret(path: KeyPath) -> bool:
    """Return whether a setting has a name like that of a secret; deeper keys are people's own words, such as labels."""
    keys = [part for part in path if isinstance(part, str)]
    return 0 < len(keys) <= 2 and SECRET_KEY.match(keys[-1]) is not None  # noqa: PLR2004  # a table and its key


def _refused(value: Any) -> str | None:
    if isinstance(value, (date, datetime, time)):
        return "a recipe has no dates; put it in quotes if it is meant as text"
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return "must be a whole number of at most 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, not {value}"
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
