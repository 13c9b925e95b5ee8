"""Loads a recipe with the one that it extends, and refuses values that no recipe can hold."""

from __future__ import annotations

import copy
import math
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.recipe.resolving import dotted, leaves
from clsfw.recipe.schema import SCHEMA, SECTIONS
from clsfw.recipe.shipped import find_recipe
from clsfw.toml.document import LISTS, Document, Flaw, refuse, walk
from clsfw.toml.reading import read_document
from clsfw.toml.secrets import ADVICE, SECRET_KEY, holds_secret
from clsfw.toml.wording import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw.toml.positions import KeyPath

_LARGEST = 2**63
_RESULTS = {"history", "test", "validation"}  # keys of [expect] that state one


def load_document(recipe: str | Path) -> Document:
    """Read a recipe by path or shipped name; what it does not say itself comes from the recipe that it extends.

    Raises:
        RecipeError: a file cannot be read, is no TOML, or extends in a way that cannot be followed.

    """
    file = find_recipe(recipe)
    document = read_document(file.absolute(), str(file))
    given = document.values.pop("extends", None)
    if given is None:
        return document
    if not isinstance(given, str) or not given:
        refuse(document, ("extends",), f"must be the path of another recipe in quotes, not {show(given)}")
    path = _find_base(document.file.parent, given)
    if path is None:
        refuse(document, ("extends",), f"there is no recipe {given[:200]!r}; the path starts at this file's folder")
    base = read_document(path, _shown_beside(document.shown, given), rank=1)
    check_schema(base)
    if "extends" in base.values:
        refuse(document, ("extends",), f"{given!r} extends another recipe itself; one level is all there is")
    return _merge(base, document)


def _find_base(folder: Path, given: str) -> Path | None:
    try:
        path = folder / Path(given).expanduser()
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, an unknown home, a NUL
        return None


def _shown_beside(shown: str, given: str) -> str:
    return str(Path(shown).parent / given)


def _merge(base: Document, top: Document) -> Document:
    own = top.values.get("expect")
    if isinstance(own, dict) and not _RESULTS.isdisjoint(own):  # a result of its own replaces the other one whole
        base.values.pop("expect", None)
        base.spots = {path: spot for path, spot in base.spots.items() if path[:1] != ("expect",)}
    merged = Document(top.file, top.shown, top.text, base.values, base.spots, uses_of(base))
    if "expect" in base.values:
        merged.stated = copy.deepcopy(base)
        merged.added = tuple(dotted(path) for path, _ in leaves(top.values) if path[0] not in {"schema", "name"})
    merged.merge((), top.values, top.spots.__getitem__)
    return merged


def uses_of(document: Document) -> dict[KeyPath, str]:
    """Return the component that each table names, by the table's path."""
    paths: list[KeyPath] = [(section,) for section in SECTIONS if section not in LISTS]
    for section in LISTS:
        given = document.get((section,))
        paths += [(section, index) for index in range(len(given))] if isinstance(given, list) else []
    uses = {path: document.get((*path, "use")) for path in paths}
    return {path: use for path, use in uses.items() if isinstance(use, str)}


def check_schema(document: Document) -> None:
    """Settle the recipe's version first: in another one, every key could mean something else.

    Raises:
        RecipeError: the version is not this one.

    """
    from clsfw.errors import __version__

    given = document.values.get("schema", SCHEMA)
    if isinstance(given, int) and not isinstance(given, bool) and given == SCHEMA:
        return
    if isinstance(given, bool) or not isinstance(given, int):
        message = f"must be a whole number, not {show(given)}; this clsfw reads schema = {SCHEMA}"
    elif given > SCHEMA:
        message = f"schema {show(given)} needs a newer clsfw than this {__version__}, which reads schema = {SCHEMA}"
        message += "; upgrade with `pip install --upgrade clsfw`"
    else:
        message = f"there is no schema {show(given)}; write schema = {SCHEMA}"
    refuse(document, ("schema",), message)


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
    """Tell whether a setting is called like a secret; deeper keys are people's own words, such as labels."""
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
