"""Finds where each key and each value of a TOML text is, which `tomllib` does not say.

The locator knows the shape of TOML, not its values: `tomllib` decides what is valid and what it means. At a mistake it
stops, keeps what it has, and says which bracket or quote it was inside, so that the mistake can be explained.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

KeyPath = tuple[str | int, ...]
"""The way to a value: keys, and indices of lists and arrays of tables."""

DEEPEST = 50
MOST_VALUES = 20_000
LONGEST_SCALAR = 1000

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Python before 3.11.5 gets possessive repetition of alternatives wrong, so there is none.
_BASIC = re.compile(r'"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""(?:""(?!")|"(?!"))?', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''[^']*(?:'(?!'')[^']*)*'''(?:''(?!')|'(?!'))?", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\n]*")


@dataclass(frozen=True)
class Span:
    """Offsets into the text, from 0: of a key (for an item of a list: of the item), and of its value.

    The value of a table that a header opens is the header's bracket.
    """

    key: int
    value: int


@dataclass
class Positions:
    """What the locator found."""

    text: str
    spans: dict[KeyPath, Span] = field(default_factory=dict)
    duplicates: list[tuple[KeyPath, int, int]] = field(default_factory=list)
    """Each key or table that is given twice, with the offset of the first and of the second."""
    open_at: int | None = None
    """Where the bracket or quote begins that is never closed."""
    refused: tuple[int, str] | None = None
    """Where and why the text is refused before anybody parses it: too deep, too long, too many."""

    @cached_property
    def lines(self) -> list[int]:
        """The offset at which each line begins."""
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Turn an offset into a line and a column, both from 1."""
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1

    def line_text(self, line: int) -> str:
        """Return the text of a line, from 1, without its end."""
        start = self.lines[line - 1]
        end = self.lines[line] - 1 if line < len(self.lines) else len(self.text)
        return self.text[start:end]


def locate(text: str) -> Positions:
    """Find every key and value of a TOML text whose lines end in a line feed; never raises."""
    found = Positions(text)
    with suppress(_Stop):
        _Locator(found).document()
    return found


def read_key(text: str) -> tuple[str, ...]:
    """Read a dotted key on its own.

    Raises:
        ValueError: it is none.

    """
    locator = _Locator(Positions(text))
    with suppress(_Stop):
        parts = locator.key()
        if locator.at == len(text):
            return tuple(name for name, _ in parts)
    raise ValueError(f"{text!r} is not a key")


class _Stop(Exception):  # noqa: N818  # it ends the search, and no error leaves this module
    """The text goes on in a way that is not TOML."""


class _Locator:
    def __init__(self, found: Positions) -> None:
        self.found = found
        self.text = found.text
        self.at = 0
        self.explicit: dict[KeyPath, int] = {}
        self.counts: dict[KeyPath, int] = {}  # how many tables each array of tables has so far

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self.skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.key_value(table, depth=len(table))
            self.skip(_SPACE)
            if self.text[self.at : self.at + 1] not in {"", "\n", "#"}:
                raise _Stop

    def header(self) -> KeyPath:
        bracket = self.at
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        parts = self.key()
        self.expect("]]" if array else "]")
        path: KeyPath = ()
        for name, offset in parts[:-1]:
            path = self.enter((*path, name))
            self.found.spans.setdefault(path, Span(offset, bracket))
        name, offset = parts[-1]
        path = (*path, name)
        span = Span(offset, bracket)
        if array:
            index = self.counts.get(path, 0)
            self.counts[path] = index + 1
            self.found.spans.setdefault(path, span)
            path = (*path, index)
        self.record(path, span)
        return path

    def enter(self, path: KeyPath) -> KeyPath:
        """Step into the newest table of an array of tables."""
        return (*path, self.counts[path] - 1) if path in self.counts else path

    def key_value(self, table: KeyPath, depth: int) -> None:
        parts = self.key()
        self.expect("=")
        self.skip(_SPACE)
        path = table
        for name, offset in parts[:-1]:
            path = (*path, name)
            self.found.spans.setdefault(path, Span(offset, self.at))
        name, offset = parts[-1]
        path = (*path, name)
        self.record(path, Span(offset, self.at))
        self.value(path, depth + len(parts))

    def record(self, path: KeyPath, span: Span) -> None:
        if path in self.explicit:
            self.found.duplicates.append((path, self.explicit[path], min(span.key, span.value)))
            return
        if len(self.explicit) >= MOST_VALUES:
            self.found.refused = (span.key, f"more than {MOST_VALUES} values; is this a recipe?")
            raise _Stop
        self.explicit[path] = min(span.key, span.value)
        self.found.spans[path] = span

    def key(self) -> list[tuple[str, int]]:
        parts = []
        while True:
            self.skip(_SPACE)
            start = self.at
            match = next((m for m in (p.match(self.text, start) for p in (_BARE_KEY, _BASIC, _LITERAL)) if m), None)
            if match is None:
                raise _Stop
            self.at = match.end()
            parts.append((_name(match.group()), start))
            if len(parts) > DEEPEST:
                self.found.refused = (start, f"tables in tables, more than {DEEPEST} deep")
                raise _Stop
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def value(self, path: KeyPath, depth: int) -> None:
        if depth > DEEPEST:
            self.found.refused = (self.at, f"lists and tables in each other, more than {DEEPEST} deep")
            raise _Stop
        start = self.at
        first = self.text[start : start + 1]
        if first == "[":
            self.inside(start, "]", path, depth)
        elif first == "{":
            self.inside(start, "}", path, depth)
        elif first and first in "\"'":
            long = self.text.startswith(first * 3, start)
            pattern = (_LONG_BASIC if long else _BASIC) if first == '"' else (_LONG_LITERAL if long else _LITERAL)
            match = pattern.match(self.text, start)
            if match is None:
                self.found.open_at = start
                raise _Stop
            self.at = match.end()
        else:
            self.scalar(start)

    def scalar(self, start: int) -> None:
        match = _SCALAR.match(self.text, start)
        word = match.group().rstrip() if match else ""
        if not word:
            raise _Stop
        if len(word) > LONGEST_SCALAR:
            self.found.refused = (start, f"a value of {len(word)} characters without quotes")
            raise _Stop
        self.at = start + len(word)

    def inside(self, start: int, closing: str, path: KeyPath, depth: int) -> None:
        """Go through a list or an inline table from its opening bracket on."""
        self.at += 1
        index = 0
        while True:
            self.skip(_BLANK)
            if self.text.startswith(closing, self.at):
                break
            if self.at >= len(self.text):
                self.found.open_at = start
                raise _Stop
            if closing == "]":
                item = (*path, index)
                self.record(item, Span(self.at, self.at))
                self.value(item, depth + 1)
                index += 1
            else:
                self.key_value(path, depth)
            self.skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1
            elif not self.text.startswith(closing, self.at):
                self.found.open_at = start
                raise _Stop
        self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def expect(self, mark: str) -> None:
        self.skip(_SPACE)
        if not self.text.startswith(mark, self.at):
            raise _Stop
        self.at += len(mark)


def _name(raw: str) -> str:
    """Read a key as TOML does."""
    if raw[0] == '"' and "\\" in raw:
        try:
            return next(iter(tomllib.loads(f"{raw} = 0")))
        except tomllib.TOMLDecodeError as exc:
            raise _Stop from exc
    return raw[1:-1] if raw[0] in "\"'" else raw
