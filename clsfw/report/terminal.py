"""The one place that draws: styled lines, tables and links on a terminal; plain, stable text everywhere else.

What is written is a line of words and spans. On a terminal bold is the answer, dim its surroundings, green, yellow and
red are verdicts, and cyan can be typed. `NO_COLOR` takes the colours away and leaves bold and dim; `FORCE_COLOR` styles
what goes into a pipe as well; a terminal that says it is dumb gets plain words. rich is imported only where a table, a
long line or a bar is drawn, since importing it takes longer than `clsfw --help`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple, TextIO

from clsfw.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console
    from rich.text import Text

_CODES = {"bold": 1, "dim": 2, "reverse": 7, "red": 31, "green": 32, "yellow": 33, "blue": 34, "cyan": 36}
_COLOURS = {"red", "green", "yellow", "blue", "cyan"}
_NARROWEST = 40  # columns; some terminals say less
_GAP = 2  # blank columns between those of a table


class Span(NamedTuple):
    """Words in one style, which names one or more of bold, dim, reverse and a colour; `link` is what a click opens."""

    text: str
    style: str = ""
    link: str = ""


Words = str | Span
Line = Words | tuple[Words, ...]


def bold(text: str) -> Span:
    """Return the answer."""
    return Span(text, "bold")


def dim(text: str) -> Span:
    """Return its surroundings."""
    return Span(text, "dim")


def typed(text: str) -> Span:
    """Return what can be typed."""
    return Span(text, "cyan")


def good(text: str) -> Span:
    """Return a verdict: all is well."""
    return Span(text, "green")


def doubtful(text: str) -> Span:
    """Return a verdict: look at this."""
    return Span(text, "yellow")


def bad(text: str) -> Span:
    """Return a verdict: this is wrong."""
    return Span(text, "bold red")


class Screen:
    """A stream to write lines and tables to; all text is made harmless on its way."""

    def __init__(self, stream: TextIO) -> None:
        """Find out what the stream can show: `width` is that of a terminal in columns, None elsewhere."""
        self.stream = stream
        self.animated = self.width is not None and os.environ.get("TERM", "") not in {"", "dumb"}
        self.styled = self.animated or bool(os.environ.get("FORCE_COLOR"))
        self.unicode = "utf" in (getattr(stream, "encoding", None) or "").lower()
        self._coloured = not os.environ.get("NO_COLOR")
        self._console: Console | None = None

    @property
    def width(self) -> int | None:
        """The columns of the terminal, None where there is none."""
        return _columns(self.stream)

    def line(self, *line: Words, indent: int = 0) -> None:
        """Write words on a line of their own; where a terminal is too narrow, what follows a break is indented."""
        spans = [_span(word) for word in line]
        text = "".join(span.text for span in spans)
        if self.width is None or indent + _cells(text) <= self.width:
            self.write(" " * indent + "".join(map(self._painted, spans)))
            return
        rest = indent + 2
        for i, part in enumerate(self._text(spans).divide(_breaks(text, self.width - rest))):
            part.rstrip()
            part.pad_left(rest if i else indent)
            self.console().print(part, soft_wrap=True)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Line]], align: str, *, indent: int = 2) -> None:
        """Write a table without rules; `align` has `<` or `>` for each column, and an empty head is left out."""
        cells = [[[_span(word) for word in _words(cell)] for cell in row] for row in rows]
        if any(head):
            cells = [[[_span(dim(name))] for name in head], *cells]
        lengths = [
            max((sum(_cells(span.text) for span in row[i]) for row in cells), default=0) for i in range(len(align))
        ]
        total = indent + sum(lengths) + _GAP * (len(align) - 1)
        if self.width is not None and total > self.width:
            self._draw_table(cells, align, indent)
            return
        for row in cells:
            padded = (self._padded(*cell) for cell in zip(row, lengths, align, strict=True))
            self.write((" " * indent + (" " * _GAP).join(padded)).rstrip())

    def write(self, text: str) -> None:
        """Write a line as it is."""
        self.stream.write(text + "\n")

    def console(self) -> Console:
        """Return rich's console on this stream."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(
                file=self.stream,
                width=self.width,
                force_terminal=self.styled,
                color_system="standard" if self.styled else None,
                no_color=not self._coloured,
                markup=False,
                highlight=False,
                emoji=False,
            )
        return self._console

    def badge(self, word: str, colour: str) -> Span:
        """Return a verdict in one word that is seen first."""
        return Span(f" {word} ", f"bold reverse {colour}") if self.styled else Span(f"[{word}]")

    def _draw_table(self, cells: Sequence[Sequence[Sequence[Span]]], align: str, indent: int) -> None:
        from rich.padding import Padding
        from rich.table import Table

        grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
        for side in align:
            grid.add_column(justify="right" if side == ">" else "left")
        for row in cells:
            grid.add_row(*map(self._text, row))
        self.console().print(Padding(grid, (0, 0, 0, indent), expand=False))

    def _padded(self, spans: Sequence[Span], length: int, side: str) -> str:
        blank = " " * (length - sum(_cells(span.text) for span in spans))
        painted = "".join(map(self._painted, spans))
        return blank + painted if side == ">" else painted + blank

    def _painted(self, span: Span) -> str:
        if not self.styled:
            return span.text
        codes = ";".join(str(_CODES[word]) for word in self._style(span).split())
        text = f"\x1b[{codes}m{span.text}\x1b[0m" if codes else span.text
        return f"\x1b]8;;{span.link}\x1b\\{text}\x1b]8;;\x1b\\" if span.link else text

    def _style(self, span: Span) -> str:
        return " ".join(word for word in span.style.split() if self._coloured or word not in _COLOURS)

    def _text(self, spans: Sequence[Span]) -> Text:
        from rich.text import Text

        return Text.assemble(*((span.text, self._rich_style(span)) for span in spans))

    def _rich_style(self, span: Span) -> str:
        link = f" link {span.link}" if span.link else ""
        return f"{self._style(span)}{link}".strip() if self.styled else ""


def link(path: Path) -> Span:
    """Return a path that a click opens."""
    return Span(str(path), link=path.absolute().as_uri())


def _span(word: Words) -> Span:
    given = word if isinstance(word, Span) else Span(word)
    return given._replace(text=clean(given.text))


def _words(line: Line) -> tuple[Words, ...]:
    return line if isinstance(line, tuple) and not isinstance(line, Span) else (line,)


def _cells(text: str) -> int:
    """Return how many columns a text takes; most letters of Chinese or Japanese take two."""
    if max(text, default="") < "\u0300":  # European letters and a middle dot
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _breaks(text: str, width: int) -> list[int]:
    """Return where the lines of a text begin, but the first; a word longer than a line stays whole, as rich's do not.

    So a path can be copied or clicked.
    """
    found, used = [], 0
    for word in re.finditer(r"\S+\s*", text):
        if used and used + _cells(word.group().rstrip()) > width:
            found.append(word.start())
            used = 0
        used += _cells(word.group())
    return found


def _columns(stream: TextIO) -> int | None:
    try:
        if not stream.isatty():
            return None
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # closed, or no file at all
        return None
    return max(columns, _NARROWEST) if columns else None
