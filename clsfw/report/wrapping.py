"""Breaks long lines for a terminal: between words only, so that no path is cut in two."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

_NARROWEST = 40  # columns; some terminals say less


def wrapped(text: str, stream: TextIO) -> str:
    """Return the text as it is to be written to a stream, with its long lines broken if that is a terminal.

    What follows a break is indented by two more than the line. Lines laid out in columns stay as they are.
    """
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # a file, a pipe, or closed
        return text
    width = max(columns, _NARROWEST)
    return "\n".join(_broken(line, width) for line in text.split("\n")) if columns else text


def _broken(line: str, width: int) -> str:
    words = line.strip()
    if len(line) <= width or "  " in words:
        return line
    indent = line[: line.index(words)]
    return textwrap.fill(
        words,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        expand_tabs=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
