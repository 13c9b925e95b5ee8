"""Where a study shows how far it is: nobody, plain lines, or a live table on a terminal."""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from clsfw.kit.text import clean
from clsfw.report.display import Quiet
from clsfw.report.live import duration
from clsfw.report.terminal import Screen, Span, bold, dim, doubtful

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType
    from rich.live import Live as Region

    from clsfw.report.terminal import Words

_WIDEST, _GAPS = 80, 6  # columns of the table where the screen says none; what is between its three
_MOST_ROWS = 12  # of the table; earlier runs have scrolled out of it


class Board(Protocol):
    """What a study shows the outside."""

    def begin(self, total: int) -> None:
        """Say how many runs there will be."""

    def started(self, run: str) -> None:
        """Say that a run begins or goes on."""

    def doing(self, run: str, what: str) -> None:
        """Say what the run is at."""

    def finished(self, run: str, came_to: str) -> None:
        """Say what a run came to."""

    def note(self, text: str) -> None:
        """Show a fact by the way."""

    def warn(self, text: str) -> None:
        """Show what should be looked at."""


class Silent:
    """Shows nothing, for studies from Python; a warning becomes a Python warning."""

    def begin(self, total: int) -> None:
        """Show nothing."""

    def started(self, run: str) -> None:
        """Show nothing."""

    def doing(self, run: str, what: str) -> None:
        """Show nothing."""

    def finished(self, run: str, came_to: str) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Raise a `UserWarning` at the caller of the public function."""
        warnings.warn(text, UserWarning, stacklevel=2)


class Follower(Quiet):
    """The display of one run of a study: it shows on the board what the run is at, and keeps the run's warnings."""

    def __init__(self, board: Board, run: str) -> None:
        super().__init__()
        self._board = board
        self._run = run

    def stage(self, text: str) -> None:
        """Pass it on."""
        self._board.doing(self._run, text)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Pass it on."""
        self._board.doing(self._run, f"{what}: {done:,}{f' of {total:,}' if total else ''} {unit}")

    def warn(self, text: str) -> None:
        """Keep it for the run, and pass it on."""
        self.warnings.append(text)
        self._board.warn(text)


class Lines:
    """Plain lines, fit for a log file: one for each run that ended, with the time that is left."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._total = self._done = 0
        self._began = time.monotonic()
        self._warned: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def title(self, name: str, about: str) -> None:
        """Say what is done."""
        self._line(bold(name), dim(f"  {about}"))

    def begin(self, total: int) -> None:
        """Begin to count."""
        self._total, self._done, self._began = total, 0, time.monotonic()

    def started(self, run: str) -> None:
        """Wait for what it comes to."""

    def doing(self, run: str, what: str) -> None:
        """Wait for what it comes to."""

    def finished(self, run: str, came_to: str) -> None:
        """Write the line of a run."""
        self._done += 1
        self._line(f"{self._done} of {self._total}  ", bold(run), f"  {came_to}  ", dim(self._left()))

    def note(self, text: str) -> None:
        """Write it."""
        self._line(dim(text))

    def warn(self, text: str) -> None:
        """Write it once, however many runs say it."""
        if text not in self._warned:
            self._warned.add(text)
            self._line(doubtful("warning: "), text)

    def _left(self) -> str:
        """Estimate the time that is left by the runs so far."""
        rest = self._total - self._done
        return f"{duration((time.monotonic() - self._began) / self._done * rest)} left" if rest and self._done else ""

    def _line(self, *words: Words) -> None:
        with suppress(OSError, ValueError):  # the reader has gone; the study goes on
            self._screen.line(*words)
            self._screen.stream.flush()


class Table(Lines):
    """A table that stays in its place while it changes: a row for each run, and what the last one is at."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._rows: dict[str, tuple[str, str]] = {}
        self._region: Region | None = None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the table as it is."""
        self._close()

    def begin(self, total: int) -> None:
        """Show the table."""
        super().begin(total)
        from rich.live import Live as Region

        self._region = Region(get_renderable=self._drawn, console=self._screen.console(), refresh_per_second=4)
        try:
            self._region.start()
        except (OSError, ValueError):
            self._region = None

    def started(self, run: str) -> None:
        """Add a row."""
        self._rows[run] = ("begins", "")

    def doing(self, run: str, what: str) -> None:
        """Change the state of the row."""
        self._rows[run] = (what, self._rows.get(run, ("", ""))[1])

    def finished(self, run: str, came_to: str) -> None:
        """Complete the row."""
        self._done += 1
        self._rows[run] = ("complete", came_to)

    def _close(self) -> None:
        region, self._region = self._region, None
        if region is not None:
            with suppress(OSError, ValueError):  # the terminal has gone
                region.stop()

    def _line(self, *words: Words) -> None:
        if self._region is None:
            super()._line(*words)
            return
        from rich.text import Text

        text = "".join(word.text if isinstance(word, Span) else word for word in words)
        try:
            self._region.console.print(Text(clean(text)))
        except (OSError, ValueError):
            self._close()

    def _drawn(self) -> RenderableType:
        """Draw the latest rows, and how far the study is."""
        from rich.console import Group
        from rich.table import Table as Grid
        from rich.text import Text

        table = Grid(box=None, padding=(0, 2, 0, 0), header_style="dim")
        rows = list(self._rows.items())[-_MOST_ROWS:]
        # The name of a run stays whole; what it is at and what it came to share the rest of the screen.
        rest = (self._screen.width or _WIDEST) - max((len(clean(run)) for run, _ in rows), default=0) - _GAPS
        state_width = min(rest // 2, max((len(state) for _, (state, _) in rows), default=0))
        table.add_column("run", no_wrap=True)
        for head, width in (("state", state_width), ("came to", rest - state_width)):
            table.add_column(head, no_wrap=True, overflow="ellipsis", max_width=max(1, width))
        for run, (state, came_to) in rows:
            style = "" if state == "complete" else "cyan"
            table.add_row(Text(clean(run), "bold"), Text(clean(state), style), Text(clean(came_to)))
        words = [f"{self._done} of {self._total} runs", self._left()]
        return Group(table, Text(" · ".join(word for word in words if word), style="dim"))


def open_board(stream: TextIO | None = None) -> Lines:
    """Return the live table on a terminal that can move its cursor, else plain lines; use it as a context."""
    screen = Screen(stream if stream is not None else sys.stdout)
    return Table(screen) if screen.animated else Lines(screen)
