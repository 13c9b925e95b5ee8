"""Puts what `tomllib` says about a text that is not TOML into words that name the usual mistake and its cure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tomllib

    from clsfw.toml.positions import Positions

_PLACE = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)\s*\Z")
_FIRST_LINE = re.compile(r"^(?![ \t]*(?:#|$)).*", re.MULTILINE)
_YAML = re.compile(r"---\s*\Z|[\w.-]+:(?:\s|\Z)")
_WORD = re.compile(r"[^\s,\]}#]*")
_STATEMENT = re.compile(r"\s*(?:\Z|\[|[\w.\"'-]+[ \t]*=)")
_WORDS = {
    **dict.fromkeys(("true", "false"), "TOML writes true and false in lower case"),
    **dict.fromkeys(("yes", "no", "on", "off"), "TOML's words are true and false"),
    **dict.fromkeys(("none", "null", "nil"), "TOML has no such word; to leave a value out, leave its key out"),
}
_CURLY = "\u201c\u201d\u201e\u2018\u2019"


def explain(positions: Positions, error: tomllib.TOMLDecodeError) -> list[tuple[int, str]]:
    """Return the offset of each mistake and what to write instead."""
    other = _other_language(positions.text)
    if other is not None:
        return [other]
    said = _PLACE.sub("", str(error)).strip()
    offset = _offset(positions, str(error))
    if positions.duplicates and said.startswith(("Cannot", "Duplicate")):
        return [(second, _twice(positions, path, first)) for path, first, second in positions.duplicates]
    if said.startswith("Cannot"):
        start = positions.lines[positions.line_and_column(offset)[0] - 1]
        return [(start, "this was given before as something complete, and cannot be added to or given again")]
    return [_explain_at(positions, offset, said)]


def _offset(positions: Positions, message: str) -> int:
    match = _PLACE.search(message)
    if match is None or match.group(1) is None:
        return len(positions.text)
    return min(positions.lines[int(match.group(1)) - 1] + int(match.group(2)) - 1, len(positions.text))


def _other_language(text: str) -> tuple[int, str] | None:
    first = _FIRST_LINE.search(text)
    if first is None:
        return None
    line = first.group().strip()
    if line.startswith("{") or (line.startswith("[") and _is_json(text)):
        return first.start(), "this is JSON; a recipe is TOML: [table] headers and key = value lines"
    if _YAML.match(line):
        return first.start(), "this looks like YAML; a recipe is TOML: [table] headers and key = value lines"
    if line.startswith("<"):
        return first.start(), "this looks like a web page; a recipe is TOML: [table] headers and key = value lines"
    return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _twice(positions: Positions, path: tuple[str | int, ...], first: int) -> str:
    name = ".".join(str(part) for part in path)
    line, _ = positions.line_and_column(first)
    return f"{name!r} is given twice; it is in line {line} already"


def _explain_at(positions: Positions, offset: int, said: str) -> tuple[int, str]:
    text = positions.text
    if re.match(r"Unescaped '\\'|Invalid hex value|Escaped character", said):
        hint = "in double quotes a backslash begins an escape; put a Windows path in single quotes: 'C:\\data'"
        return max(text.rfind("\\", 0, offset + 1), 0), hint
    opened = positions.open_at
    if opened is not None:
        mark = text[opened]
        if mark in "\"'":
            return opened, f"the text that begins here has no closing {mark}"
        if mark == "{":
            return opened, "the table that begins here has no closing '}' on its line"
        if _STATEMENT.match(text, offset) or not text[offset:].strip():
            return opened, "the list that begins here has no closing ']'"
    for beginning, explain_one in _BY_MESSAGE.items():
        if said.startswith(beginning):
            return explain_one(text, offset)
    return offset, said[:1].lower() + said[1:]


def _no_value(text: str, offset: int) -> tuple[int, str]:
    rest = text[offset:].split("\n", 1)[0].split("#", 1)[0].strip()
    found = _WORD.match(text, offset)
    word = found.group() if found else ""
    if not rest:
        said = "there is no value after '='"
    elif rest[0] == ",":
        said = "there is no value before this ','"
    elif word.lower() in _WORDS:
        said = f"{word}: {_WORDS[word.lower()]}"
    elif rest[0] in "=>":
        said = "there is one '=' between key and value"
    elif rest[0] in _CURLY:
        said = 'text must be in straight quotes: "..."'
    elif re.match(r"[+-]?\.\d", rest):
        said = f"a number begins with a digit: {rest.replace('.', '0.', 1)}"
    else:
        said = f"text must be in quotes: {json.dumps(rest.strip(chr(34) + chr(39)), ensure_ascii=False)}"
    return offset, said


def _after_value(text: str, offset: int) -> tuple[int, str]:
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:].split("\n", 1)[0]
    value = re.match(r"[^=]*=[ \t]*", line)
    begin = start + (value.end() if value else 0)
    given = text[begin : start + len(line)].split("#", 1)[0].strip()
    if re.match(r"[+-]?0[0-9_]", given):
        return begin, f"a number does not begin with 0: write {re.sub('^([+-]?)[0_]+(?=[0-9])', lambda m: m[1], given)}"
    if re.fullmatch(r"[+-]?\d+,\d+", given):
        return begin, f"a decimal number has a point: {given.replace(',', '.')}"
    if given.startswith("'"):
        return offset, "the text ends at the quote before this; text with an apostrophe must be in double quotes"
    rest = text[offset : start + len(line)].strip()
    return offset, f"expected the end of the line after the value, not {rest!r}"


def _no_equals(text: str, offset: int) -> tuple[int, str]:
    rest = text[offset:].split("\n", 1)[0].strip()
    if rest.startswith(":"):
        return offset, "TOML writes key = value, with '=' in place of ':'"
    if not rest or rest.startswith("#"):
        return offset, "expected '=' and a value after the key"
    return offset, f"expected '=' after the key, not {rest!r}; a key with blanks must be in quotes"


def _no_statement(text: str, offset: int) -> tuple[int, str]:
    rest = text[offset:].split("\n", 1)[0].strip()
    if rest.startswith(("//", ";", "/*", "--", "%")):
        return offset, "a comment begins with #"
    if rest[:1].isalpha():
        return offset, "a key with other letters than a to z must be in quotes"
    return offset, "expected a key, a [table] header or a # comment"


def _no_key(_text: str, offset: int) -> tuple[int, str]:
    return offset, "expected a key: letters, digits, '-' and '_', or text in quotes"


def _bad_character(text: str, offset: int) -> tuple[int, str]:
    return offset, f"{text[offset : offset + 1]!r} cannot be in text on one line"


def _no_comma(_text: str, offset: int) -> tuple[int, str]:
    return offset, "expected ',' or ']' after an item of a list"


def _broken_table(_text: str, offset: int) -> tuple[int, str]:
    return offset, "expected ',' or '}' after a value; a table in braces must be on one line"


_BY_MESSAGE = {
    "Unclosed array": _no_comma,
    "Unclosed inline table": _broken_table,
    "Invalid value": _no_value,
    "Expected newline": _after_value,
    "Expected '='": _no_equals,
    "Invalid statement": _no_statement,
    "Invalid initial character": _no_key,
    "Illegal character": _bad_character,
}
