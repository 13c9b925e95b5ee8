"""Changes to a recipe that are given beside it: `--set KEY=VALUE` on the command line, or a mapping in Python."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from clsfw.errors import Place, UsageError
from clsfw.kit.suggestions import short
from clsfw.toml.document import LISTS, Document, Flaw, Spot
from clsfw.toml.positions import DEEPEST, read_key
from clsfw.toml.secrets import SECRET_KEY, holds_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clsfw.toml.positions import KeyPath

ORIGIN = "--set"
_LARGEST = 2**63
_LONGEST_SHOWN = 120  # characters


@dataclass(frozen=True)
class Override:
    """One change: the path and the new value, None to take the old one out.

    `raw` is the value's text on the command line, `shown` the name of the change in messages.
    """

    path: tuple[str, ...]
    value: Any
    shown: str
    raw: str | None = None


def read_overrides(given: Sequence[str | Override] | Mapping[str, Any]) -> list[Override]:
    """Read changes from `KEY=VALUE` texts, or from a mapping of dotted keys.

    A value is TOML; text that is not TOML is taken as it is, so that paths and names need no quotes. `KEY=`, or None
    in a mapping, takes a value out, so that the default counts again. What was read already stays as it is.

    Raises:
        UsageError: a text has no `=`, or its key is none.

    """
    if isinstance(given, Mapping):
        return [_from_mapping(key, value) for key, value in given.items()]
    if isinstance(given, str):
        raise UsageError("overrides must be a mapping such as {'trainer.max_steps': 5}, or a list of 'KEY=VALUE' texts")
    return [item if isinstance(item, Override) else _from_text(item) for item in given]


def apply_overrides(document: Document, overrides: Sequence[Override]) -> list[Flaw]:
    """Put the changes into a document, in their order; return those that lead through a value that holds no others."""
    flaws = []
    for number, override in enumerate(overrides):
        place = Place(override.shown)
        whole = Spot(ORIGIN, Path.cwd(), (1_000 + number, 0, 0), place, place, raw=override.raw or "")
        path = _indexed(document, override.path)
        try:
            if override.value is not None:
                document.put(path, override.value, _spots(path, whole))
            elif document.get(path) is None or not isinstance(path[-1], str):
                flaws.append(Flaw(path, f"there is no key {short('.'.join(override.path))} to take out", spot=whole))
            else:
                document.drop(path)
        except LookupError as exc:
            flaws.append(Flaw(path, _no_holder(document, str(exc.args[0])), spot=whole))
    return flaws


def _spots(path: KeyPath, whole: Spot) -> Callable[[KeyPath], Spot]:
    """Return the spot of each value of one override; only the whole of it is what was typed."""
    within = replace(whole, raw="")
    return lambda below: whole if below == path else within


def _no_holder(document: Document, reached: str) -> str:
    section = reached.partition(".")[0]
    if section in LISTS:
        count = len(document.get((section,)) or ())
        return f"there is no {reached}; the recipe has {count} [[{section}]], counted from 0"
    return f"{reached} is not a table, so nothing can be set in it"


def _from_text(text: str) -> Override:
    key, equals, raw = text.partition("=")
    path: tuple[str, ...] = ()
    with suppress(ValueError):
        path = read_key(key)
    if not equals or not path:
        raise UsageError(f"--set takes KEY=VALUE, as in --set trainer.max_steps=5, not {short(text)}")
    raw = raw.strip()
    long = len(text) > _LONGEST_SHOWN
    shown = f"--set {key.strip()[:_LONGEST_SHOWN]}=..." if long or _hides(path, raw) else f"--set {text}"
    return Override(path, _parse(raw) if raw else None, shown, raw)


def _from_mapping(key: object, value: object) -> Override:
    if not isinstance(key, str):
        raise UsageError(f"the keys of overrides are dotted names such as 'trainer.max_steps', not {key!r}")
    try:
        path = read_key(key)
    except ValueError as exc:
        raise UsageError(
            f"the keys of overrides are dotted names such as 'trainer.max_steps', not {short(key)}"
        ) from exc
    return Override(path, None if value is None else _plain(value, key, 0), f"overrides[{short(key)}]")


def _hides(path: tuple[str, ...], raw: str) -> bool:
    return holds_secret(raw) or any(SECRET_KEY.match(part) for part in path)


def _parse(raw: str) -> Any:
    try:
        values = tomllib.loads(f"v = {raw}")
    except (ValueError, RecursionError):
        return raw
    value = values["v"]
    # A date, an endless number, or a second line with a key of its own can only have been meant as text.
    odd = isinstance(value, (date, datetime, time)) or (isinstance(value, int) and abs(value) >= _LARGEST)
    endless = isinstance(value, float) and not math.isfinite(value)
    return raw if len(values) > 1 or odd or endless else value


def _plain(value: object, key: str, depth: int) -> Any:
    """Turn a Python value into what TOML has: paths become text, tuples become lists."""
    if depth > DEEPEST:
        raise UsageError(f"overrides[{key!r}] is more than {DEEPEST} lists and tables deep")
    if isinstance(value, Mapping):
        return {str(name): _plain(item, key, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, key, depth + 1) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (str, bool, int, float)):
        return value
    raise UsageError(
        f"overrides[{key!r}] must be text, a number, true or false, a list or a table, not {type(value).__name__}"
    )


def _indexed(document: Document, path: KeyPath) -> KeyPath:
    """Turn the digits in a key into an index where the recipe has a list."""
    parts: list[str | int] = []
    for part in path:
        there = document.get(tuple(parts))
        parts.append(int(part) if isinstance(there, list) and str(part).isdecimal() and len(str(part)) < 6 else part)  # noqa: PLR2004  # no list is longer
    return tuple(parts)
