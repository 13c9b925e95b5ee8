"""Reads one recipe file into a document, or says exactly why it cannot be read."""

from __future__ import annotations

import os
import re
import tomllib
from typing import TYPE_CHECKING

from clsfw.errors import Place, Problem, RecipeError
from clsfw.toml.document import Document, Spot, walk
from clsfw.toml.positions import locate
from clsfw.toml.secrets import holds_secret
from clsfw.toml.syntax import explain

if TYPE_CHECKING:
    from pathlib import Path

    from clsfw.toml.positions import KeyPath, Positions

LARGEST = 1_000_000  # bytes
_WIDEST = 160  # characters

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")


def read_document(file: Path, shown: str, rank: int = 0) -> Document:
    """Read a recipe file; `shown` is its name for messages, `rank` orders its problems among other files.

    Raises:
        RecipeError: the file cannot be read or is not TOML; mistakes come with line and column.

    """
    given = _decode(_read(file, shown), shown)
    bad = _FORBIDDEN.search(given)
    text = given.replace("\r\n", "\n")
    if bad:
        at = len(given[: bad.start()].replace("\r\n", "\n"))
        what = "a bare carriage return ends no line" if bad.group() == "\r" else _control(bad.group())
        raise _refuse(locate(""), text, shown, [(at, what)])
    positions = locate(text)
    if positions.refused:
        raise _refuse(positions, text, shown, [positions.refused])
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise _refuse(positions, text, shown, explain(positions, exc)) from exc
    except (ValueError, RecursionError, OverflowError) as exc:
        raise RecipeError(
            [Problem(Place(shown), "the recipe holds a value that is too large or too deep to read")]
        ) from exc
    if not values:
        raise RecipeError(
            [Problem(Place(shown, 1, 1), "the recipe is empty; `clsfw new recipe NAME` writes one to begin with")]
        )
    document = Document(file, shown, given, values)
    for path, _ in walk(values):
        if path:
            document.spots[path] = _spot(positions, path, document, rank)
    return document


def _read(file: Path, shown: str) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except (OSError, ValueError) as exc:
        reason = (exc.strerror or str(exc)) if isinstance(exc, OSError) else str(exc)
        if file.is_dir():
            reason = "it is a folder; name the recipe file in it"
        raise RecipeError([Problem(Place(shown), f"cannot read the recipe: {reason[:1].lower()}{reason[1:]}")]) from exc
    if len(content) > LARGEST:
        raise RecipeError([Problem(Place(shown), "the recipe is over 1 MB; is this a recipe?")])
    return content


def _decode(content: bytes, shown: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = content[: exc.start].decode("utf-8-sig", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        guess = "it looks like UTF-16" if wide else "it may be in an older encoding such as Latin-1"
        message = f"byte 0x{content[exc.start]:02x} is not UTF-8 ({guess}); save the file as UTF-8"
        raise RecipeError([Problem(Place(shown, line, column), message)]) from exc


def _control(character: str) -> str:
    return f"the control character U+{ord(character):04X} cannot be in a recipe"


def _refuse(positions: Positions, text: str, shown: str, mistakes: list[tuple[int, str]]) -> RecipeError:
    if positions.text != text:
        positions = type(positions)(text)
    problems = []
    for offset, message in mistakes:
        line, column = positions.line_and_column(offset)
        problems.append(Problem(Place(shown, line, column), message, "", _shown(positions.line_text(line), column)))
    return RecipeError(problems)


def _spot(positions: Positions, path: KeyPath, document: Document, rank: int) -> Spot:
    span = positions.spans[path]
    # Of a table that a header opens, the bracket is the place that people look at.
    key_line, key_column = positions.line_and_column(min(span.key, span.value))
    value_line, value_column = positions.line_and_column(span.value)
    return Spot(
        origin=f"{os.path.basename(document.shown)}:{key_line}",  # noqa: PTH119  # a name for people, never a path to open
        folder=document.file.parent,
        rank=(rank, key_line, key_column),
        key=Place(document.shown, key_line, key_column),
        value=Place(document.shown, value_line, value_column),
        key_line=_shown(positions.line_text(key_line), key_column),
        value_line=_shown(positions.line_text(value_line), value_column),
    )


def _shown(line: str, column: int) -> str | None:
    """Cut a line to what a terminal can show; None where the place itself would be cut off, or a secret be shown."""
    if column > _WIDEST or holds_secret(line):
        return None
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}..."
