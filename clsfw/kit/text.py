"""Makes text of unknown origin harmless where it is shown: a terminal, a log, a spreadsheet, a Markdown page.

Reviews, label names, paths and plugin names are data. They may hold terminal escapes that rewrite the screen, controls
that turn the reading direction, or half a surrogate pair that no encoder takes.
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f"  # C0 without tab, line feed and carriage return
    "\x7f-\x84\x86-\x9f"  # DEL and C1 without NEL; 0x9b alone opens an escape sequence
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # controls of the reading direction
    "\ufeff\U000e0000-\U000e007f"  # byte order mark and tag characters, which nobody sees
    "]"
)
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FORMULA = re.compile("'*[=+\\-@\t\r\0]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#!|~$&:@])")


def clean(text: str) -> str:
    """Return the text on one line, without anything that a terminal obeys or an encoder refuses."""
    return " ".join(_LINE_END.split(encodable(_HIDDEN.sub("", text).replace("\t", " "))))


def clean_lines(text: str) -> str:
    """Clean the text as `clean` does, but keep its lines and tabs."""
    return "\n".join(_LINE_END.split(encodable(_HIDDEN.sub("", text))))


def encodable(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot hold, by the replacement character."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as JSON for a terminal or a pipe: letters as they are, what a terminal obeys as escapes."""
    text = encodable(json.dumps(value, ensure_ascii=False, indent=indent))
    return _HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], text)  # outside strings JSON has none of them


def spreadsheet_cell(text: str) -> str:
    """Put a `'` before text that a spreadsheet would run as a formula (CWE-1236); `from_spreadsheet_cell` undoes it."""
    return f"'{text}" if _FORMULA.match(text) else text


def from_spreadsheet_cell(text: str) -> str:
    """Return what `spreadsheet_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def markdown(text: str) -> str:
    """Return the text on one line with all escaped that Markdown or HTML acts on; not meant for the start of a line."""
    return _MARKDOWN.sub(r"\\\1", clean(text))


def csv_line(cells: Iterable[object]) -> str:
    r"""Return a row of CSV with its line end, `\n`."""
    out = io.StringIO(newline="")
    # Up to Python 3.12 the writer quotes a carriage return only where it is part of the line end.
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"
