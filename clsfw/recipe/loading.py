"""Loads a recipe with the one that it extends."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.recipe.resolving import dotted, leaves
from clsfw.recipe.schema import SCHEMA, SECTIONS
from clsfw.recipe.shipped import find_recipe
from clsfw.toml.document import LISTS, Document, refuse
from clsfw.toml.reading import read_document
from clsfw.toml.wording import show

if TYPE_CHECKING:
    from clsfw.toml.positions import KeyPath

_RESULTS = {"history", "test", "validation"}  # keys of [expect] that state one


def load_document(recipe: str | Path) -> Document:
    """Read a recipe by path or shipped name; what it does not say itself comes from the recipe that it extends.

    Raises:
        RecipeError: a file cannot be read, is not TOML, or extends in a way that cannot be followed.

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
