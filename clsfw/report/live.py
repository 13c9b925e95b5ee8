"""The live display of a run: one line per stage, a table that grows, and a bar; or plain lines where nobody watches."""

from __future__ import annotations

import functools
import io
import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

from clsfw.errors import InterruptedRunError
from clsfw.kit.text import clean
from clsfw.report.terminal import Screen, Span, Words, bad, bold, dim, doubtful, good

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from rich.console import RenderableType
    from rich.live import Live as Region
    from rich.spinner import Spinner

PLAIN_SECONDS = 30.0
"""How often a plain display says how far a long step is; evaluations have lines of their own."""

_STEP = 6  # so the notebook's table takes 79 columns
_NAME = 18  # columns of a stage's name, so that what follows stands in one column
_BAR = 12  # columns, whatever is beside it
_WIDEST = 100  # columns of a stage's line


def open_display(stream: TextIO | None = None, *, quiet: bool = False) -> Plain:
    """Return the live display on a terminal that can move its cursor, else the plain one; use it as a context."""
    screen = Screen(stream if stream is not None else sys.stdout)
    if quiet:
        return Hushed(screen)
    return Live(screen) if screen.animated else Plain(screen)


class _Series:
    """How far something is that is reported again and again under one name."""

    def __init__(self, what: str, done: int, total: int | None, unit: str) -> None:
        self.what, self.first, self.done, self.total, self.unit = what, done, done, total, unit
        self._start = time.monotonic()

    def goes_on(self, done: int, total: int | None) -> bool:
        """Return whether a count belongs to this series; a smaller one, or another total, begins another."""
        return total == self.total and (done > self.done or (done == self.done and done != total))

    def words(self) -> list[str]:
        """Return how far it is, how fast it goes, and how long it will take."""
        elapsed = time.monotonic() - self._start
        rate = (self.done - self.first) / elapsed if elapsed > 0 else 0.0
        words = [f"{self.done:,}{f' of {self.total:,}' if self.total else ''} {self.unit}"]
        if rate > 0:
            words.append(f"{rate:,.1f}/s" if rate >= 1 else f"{1 / rate:,.1f} s/{self.unit.rstrip('s')}")
            if self.total:
                words.append(f"{duration((self.total - self.done) / rate)} left")
        return words


class Plain:
    """Plain lines, fit for a log file; a reader that has gone silences it."""

    heads = ("Step", "Training Loss", "Validation Loss")
    decimals = 6

    def __init__(self, screen: Screen) -> None:
        self.warnings: list[str] = []
        self._screen = screen
        self._columns: list[str] | None = None
        self._series: dict[str, _Series] = {}
        self._told = time.monotonic()
        self._loss = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def title(self, name: str, about: str) -> None:
        """Say what is done."""
        self._line(bold(name), dim(f"  {about}"))

    def stage(self, text: str) -> None:
        """Begin a stage of the work."""
        self._series = {}
        self._line(text)

    def note(self, text: str) -> None:
        """Show a fact by the way."""
        self._line(dim(text), indent=2)

    def warn(self, text: str) -> None:
        """Show what should be looked at."""
        self.warnings.append(text)
        self._line(doubtful("warning: "), text, indent=2)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the loss for the next line of progress."""
        if "loss" in values:
            self._loss = f"{values['loss']:.4f}"

    def evaluated(
        self,
        step: int,
        training_loss: float | None,
        loss: float | None,
        scores: Mapping[str, float],
        *,
        earlier: bool = False,
    ) -> None:
        """Show a row of the table, and its head before the first row; `earlier` ones are of a run that goes on."""
        names = [name.replace("_", " ") for name in scores]
        names = [name.title() for name in names] if self.heads[0].istitle() else names
        columns = [
            f"{head:>{width}}" for head, width in zip(self.heads, (_STEP, *map(len, self.heads[1:])), strict=True)
        ]
        columns += [f"{name:>{max(8, len(name))}}" for name in names]
        values = [str(step), *(_number(value, self.decimals) for value in (training_loss, loss, *scores.values()))]
        room = self._screen.width or sys.maxsize
        while len("  ".join(columns)) > room:  # a narrow terminal shows the first scores only
            columns.pop()
        if self._columns != columns:
            self._columns = columns
            self._line(dim("  ".join(columns)))
        row = "  ".join(f"{value:>{len(column)}}" for value, column in zip(values, columns, strict=False))
        self._line(Span(row, "dim" if earlier else ""))
        self._told = time.monotonic()

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Show how far a long step is, if the last line is old."""
        series, fresh = self._follow(what, done, total, unit)
        now = time.monotonic()
        if fresh and len(self._series) == 1:
            self._told = now
        elif now - self._told >= PLAIN_SECONDS:
            self._told = now
            self._line(dim(f"{what}: {', '.join(self._words(series))}"), indent=2)

    def _follow(self, what: str, done: int, total: int | None, unit: str) -> tuple[_Series, bool]:
        """Return the series of this name, and whether it begins."""
        series = self._series.get(what)
        if series is not None and series.goes_on(done, total):
            series.done = done
            return series, False
        self._series[what] = _Series(what, done, total, unit)
        return self._series[what], True

    def _words(self, series: _Series) -> list[str]:
        return [*series.words(), *([f"loss {self._loss}"] if self._loss and series.what == "training" else [])]

    def _line(self, *words: Words, indent: int = 0) -> None:
        self._safely(lambda: self._screen.line(*words, indent=indent))

    def _safely(self, write: Callable[[], None]) -> None:
        try:
            write()
            self._screen.stream.flush()
        except (OSError, ValueError):
            self._screen = Screen(io.StringIO())  # the reader has gone; the run goes on


class Hushed(Plain):
    """Shows warnings only."""

    def _line(self, *words: Words, indent: int = 0) -> None:
        """Write nothing of the course."""

    def warn(self, text: str) -> None:
        """Show what should be looked at."""
        self.warnings.append(text)
        super()._line(doubtful("warning: "), text)


class Live(Plain):
    """A line of the stage that moves, which stays with its outcome and its seconds once the stage is over."""

    heads = ("step", "train loss", "valid loss")
    decimals = 4

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._stage = ""
        self._began = 0.0
        self._notes: list[str] = []
        self._current: _Series | None = None
        self._region: Region | None = None
        self._spinner: Spinner | None = None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say how the last stage ended."""
        stopped = isinstance(exc, (InterruptedRunError, KeyboardInterrupt))
        self._end(good("✓") if exc is None else doubtful("■") if stopped else bad("✗"))

    def stage(self, text: str) -> None:
        """End the stage before, and begin this one with a spinner."""
        self._end(good("✓"))
        self._begin(text)

    def note(self, text: str) -> None:
        """Show it under the stage's line, where it stays; without a stage write it at once."""
        if self._stage:
            self._notes.append(text)
        else:
            super().note(text)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Move the bar."""
        self._current, _ = self._follow(what, done, total, unit)
        if not self._stage:  # a verb without stages, such as predict
            self._begin(what)

    def _begin(self, stage: str) -> None:
        self._stage, self._began = stage, time.monotonic()
        self._show()

    def _end(self, mark: Span) -> None:
        """Write the stage's line for good, with its first note if there is room, and its other notes under it."""
        if not self._stage:
            return
        self._hide()
        name, notes, series = self._stage, self._notes, self._series.get(self._stage)
        self._stage, self._notes, self._series, self._current = "", [], {}, None
        if series is not None:
            notes.insert(0, f"{series.done:,} {series.unit}")
        seconds = f"{time.monotonic() - self._began:,.1f} s"
        width = min(self._screen.width or _WIDEST, _WIDEST)
        begin = f" {name:<{_NAME}}  "
        room = width - 1 - len(begin) - len(seconds) - 2
        first = notes.pop(0) if notes and len(notes[0]) <= room else ""
        super()._line(mark, begin, f"{first:<{room}}  ", dim(seconds))
        for note in notes:
            super()._line(dim(note), indent=2)

    def _safely(self, write: Callable[[], None]) -> None:
        """Write above the line that moves, which is away meanwhile."""
        self._hide()
        notes, self._notes = self._notes, []
        for note in notes:
            super()._safely(functools.partial(self._screen.line, dim(note), indent=2))
        super()._safely(write)
        self._show()

    def _show(self) -> None:
        if not self._stage or self._region is not None:
            return
        from rich.live import Live as Region

        self._region = Region(
            get_renderable=self._drawn,
            console=self._screen.console(),
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,  # who keeps it for JSON swaps it meanwhile
            redirect_stderr=sys.stderr.isatty(),
        )
        try:
            self._region.start()
        except (OSError, ValueError):
            self._region = None

    def _hide(self) -> None:
        region, self._region = self._region, None
        if region is not None:
            try:
                region.stop()
            except (OSError, ValueError):
                self._screen = Screen(io.StringIO())

    def _drawn(self) -> RenderableType:
        """Draw the stage with a spinner, its bar and how far it is, and its notes."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        if self._spinner is None:
            self._spinner = Spinner("dots" if self._screen.unicode else "line", style="cyan")
        line = Table.grid(padding=(0, 1, 0, 0))
        cells: list[RenderableType] = [self._spinner, Text(clean(self._stage))]
        series = self._current
        if series is not None:
            said = " · ".join(self._words(series))
            if series.total:
                cells.append(ProgressBar(series.total, series.done, width=_BAR, complete_style="cyan"))
            words = said if series.what == self._stage else f"{clean(series.what)}: {said}"
            cells.append(Text(words, no_wrap=True, overflow="ellipsis"))
        line.add_row(*cells)
        notes = [Text(f"  {clean(note)}", style="dim", overflow="ellipsis", no_wrap=True) for note in self._notes]
        if self._stage == "training":
            notes.append(Text("  Ctrl-C saves and stops; the same command goes on", style="dim", no_wrap=True))
        return Group(line, *notes)


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def duration(seconds: float) -> str:
    """Write seconds as minutes and seconds, or hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
