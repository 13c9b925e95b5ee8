"""A recipe as plain values, each with the place that it was given at: a file, its base file, or an override."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from clsfw.errors import Place, PluginError, Problem, RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from clsfw.toml.positions import KeyPath


MOST_FLAWS = 100
"""Further ones are counted, not shown."""

_LONGEST_NAME = 100  # characters


@dataclass(frozen=True)
class Spot:
    """Where one value was given.

    `rank` orders problems: files first, in the order of their lines, then overrides. `folder` is where a relative path
    that was given here starts. `raw` is None for a value of a file, and for an override its text on the command line,
    which may have meant plain text; it is empty where there is none.
    """

    origin: str
    folder: Path
    rank: tuple[int, int, int]
    key: Place
    value: Place
    key_line: str | None = None
    value_line: str | None = None
    raw: str | None = None


@dataclass
class Document:
    """The values of a recipe, and where they come from."""

    file: Path
    shown: str
    """The file as the user named it, for messages."""
    text: str
    values: dict[str, Any] = field(default_factory=dict)
    spots: dict[KeyPath, Spot] = field(default_factory=dict)
    former_uses: dict[KeyPath, str] = field(default_factory=dict)
    """The component that a table named before the recipe, or an override, named its own."""
    stated: Document | None = None
    """Where `[expect]` is in the recipe that this one extends: that recipe alone."""
    added: tuple[str, ...] = ()
    """The dotted keys that this recipe gives on top of `stated`."""

    def get(self, path: KeyPath) -> Any:
        """Return the value at a path, or None."""
        value: Any = self.values
        for part in path:
            if isinstance(value, dict):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def spot(self, path: KeyPath) -> Spot:
        """Return the spot of a path, or of the nearest table around it; the whole recipe begins in line 1."""
        while path:
            if path in self.spots:
                return self.spots[path]
            within = [spot for below, spot in self.spots.items() if below[: len(path)] == path]
            if within:  # a table that overrides alone have made
                return within[0]
            path = path[:-1]
        start = Place(self.shown, 1, 1)
        return Spot(self.shown, self.file.parent, (0, 0, 0), start, start)

    def merge(self, path: KeyPath, value: Any, spot_of: Callable[[KeyPath], Spot]) -> None:
        """Put a value over what is there: tables merge into tables, anything else replaces.

        Raises:
            LookupError: as in `put`.

        """
        if not isinstance(value, dict) or (path and not isinstance(self.get(path), dict)):
            self.put(path, value, spot_of)
            return
        if path:
            self.spots[path] = spot_of(path)
        for key, item in value.items():
            self.merge((*path, key), item, spot_of)

    def put(self, path: KeyPath, value: Any, spot_of: Callable[[KeyPath], Spot]) -> None:
        """Put a value in the place of what is there, if anything.

        Raises:
            LookupError: the path leads through something that is not a table, or past the end of a list.

        """
        holder = self._holder(path)
        self.forget(path)
        holder[path[-1]] = value
        for below, _ in walk(value, path):
            self.spots[below] = spot_of(below)

    def drop(self, path: KeyPath) -> None:
        """Take a value out."""
        self.forget(path)
        del self._holder(path)[path[-1]]

    def forget(self, path: KeyPath) -> None:
        """Forget the places of a value and of all that it holds."""
        for below, _ in walk(self.get(path), path):
            self.spots.pop(below, None)

    def _holder(self, path: KeyPath) -> Any:
        """Return the table or list that holds the last part of a path, making tables on the way."""
        value: Any = self.values
        for depth, part in enumerate(path):
            last = depth == len(path) - 1
            if isinstance(value, list):
                if not isinstance(part, int) or part > len(value):
                    raise LookupError(".".join(map(str, path[: depth + 1])))
                if part == len(value):  # one past the end adds an item
                    value.append({})
            elif not isinstance(value, dict):
                raise LookupError(".".join(map(str, path[:depth])))  # noqa: TRY004  # the key cannot be followed
            elif not last and part not in value:
                value[part] = {}
            if last:
                return value
            value = value[part]
        raise LookupError("")


def walk(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Return a value and all that it holds, each with its path; deep nesting does no harm."""
    waiting = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, dict):
            waiting.extend(((*path, key), item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend(((*path, i), value[i]) for i in reversed(range(len(value))))


@dataclass(frozen=True)
class Flaw:
    """Something that is wrong with the value at a path, or with its key.

    `plugin` says that the recipe is right, and an installed plugin is not; `spot` is where it was given, where the
    document does not say.
    """

    path: KeyPath
    message: str
    at_key: bool = False
    show_line: bool = True
    plugin: bool = False
    spot: Spot | None = None


def report(document: Document, flaws: Iterable[Flaw]) -> None:
    """Raise what is wrong with a document, if anything, in the order of the places.

    The first flaw of a value is enough; of very many the rest are counted.

    Raises:
        RecipeError: something is wrong with the recipe.
        PluginError: the recipe is right, but a plugin that it needs is out of order.

    """
    told: set[tuple[KeyPath, bool]] = set()
    kept: list[Flaw] = []
    more = 0
    for flaw in flaws:
        if flaw.spot is None and (flaw.path, False) in told:
            continue
        if len(kept) >= MOST_FLAWS:
            more += 1
            continue
        told |= set() if flaw.spot is not None else {(flaw.path, flaw.at_key)}
        kept.append(flaw)
    if not kept:
        return
    ranked = sorted((_problem(document, flaw) for flaw in kept), key=lambda item: item[0])
    problems = list(dict.fromkeys(problem for _, problem in ranked))
    if more:
        problems.append(Problem(Place(document.shown), f"and {more} more problems"))
    if all(flaw.plugin for flaw in kept):
        raise PluginError("\n".join(map(str, problems)))
    raise RecipeError(problems)


def refuse(document: Document, path: KeyPath, message: str) -> NoReturn:
    """Raise a problem after which nothing else can be known.

    Raises:
        RecipeError: always.

    """
    raise RecipeError([_problem(document, Flaw(path, message))[1]])


def _problem(document: Document, flaw: Flaw) -> tuple[tuple[int, int, int], Problem]:
    """Return a flaw as it is reported, after what orders it."""
    if flaw.spot is not None:
        return flaw.spot.rank, Problem(flaw.spot.key, flaw.message)
    spot = document.spot(flaw.path)
    place, line = (spot.key, spot.key_line) if flaw.at_key else (spot.value, spot.value_line)
    section, name = section_of(flaw.path)
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    told = f"{name}: {flaw.message}" if name else flaw.message
    rank = (spot.rank[0], place.line or spot.rank[1], place.column or 0)
    return rank, Problem(place, told, section, line if flaw.show_line else None)


def section_of(path: KeyPath) -> tuple[str, str]:
    """Name the table of a path as its header does, and the rest of the path as a dotted key."""
    if not path:
        return "", ""
    if path[0] in LISTS:
        rest = path[2:] if len(path) > 1 and isinstance(path[1], int) else path[1:]
        return f"[[{path[0]}]]", ".".join(map(str, rest))
    if path[0] in TABLES:
        return f"[{path[0]}]", ".".join(map(str, path[1:]))
    return "", ".".join(map(str, path))


TABLES = ("data", "split", "model", "trainer", "evidence", "expect", "study")
"""The tables of a recipe by the names of their headers."""

LISTS = ("metrics", "watchers")
"""Those that a recipe may have several of, each under a header with two brackets."""
