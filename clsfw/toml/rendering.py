"""Writes a resolved recipe as TOML that people read: one line for each value, with a comment behind it if wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli_w

from clsfw.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clsfw.toml.positions import KeyPath

_UNSEEN = re.compile("[\x80-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
"""What a terminal obeys though TOML allows it: more controls, reading directions, marks that nobody sees."""
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_COMMENT_COLUMN = 48


def render(resolved: Mapping[str, Any], comment: Callable[[KeyPath], str | None] | None = None) -> str:
    """Write the recipe out; `comment` gives what is written behind a value, by its path."""
    lines = list(_table(resolved, (), comment))
    return "\n".join(lines).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: KeyPath, comment: Callable[[KeyPath], str | None] | None) -> Iterator[str]:
    """Write a table's own values first, then the tables in it, each under its header."""
    header = ".".join(_key(str(part)) for part in path if isinstance(part, str))
    inner = {key: value for key, value in table.items() if _is_table(value) or _is_tables(value)}
    own = {key: value for key, value in table.items() if key not in inner}
    item = bool(path) and isinstance(path[-1], int)
    if item or (path and (own or not inner)):
        yield ""
        yield f"[[{header}]]" if item else f"[{header}]"
    for key, value in own.items():
        line = f"{_key(key)} = {_value(value)}"
        said = comment((*path, key)) if comment is not None else None
        yield f"{line:<{_COMMENT_COLUMN}}  # {clean(said)}" if said else line
    for key, value in inner.items():
        if _is_table(value):
            yield from _table(value, (*path, key), comment)
        else:
            for index, item in enumerate(value):
                yield from _table(item, (*path, key, index), comment)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    written = tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")
    return _UNSEEN.sub(lambda match: f"\\U{ord(match.group()):08x}", written)


def _key(key: str) -> str:
    return key if _BARE.match(key) else _value(key)
