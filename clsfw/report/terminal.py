"""The live display of a run: a table that grows, with progress under it, or plain lines where nobody watches."""

from __future__ import annotations

import io
import os
import sys
import time
from typing import TYPE_CHECKING, Self, TextIO

from clsfw.kit.text import clean
from clsfw.report.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from rich.progress import Progress, TaskID

PLAIN_SECONDS = 5.0
"""How often a plain display says how far a long step is."""

_STEP = 6  # so the notebook's table takes 79 columns


def open_display(stream: TextIO | None = None) -> Plain:
    """Return the live display on a terminal that can move its cursor, else the plain one; use it as a context."""
    stream = stream if stream is not None else sys.stdout
    smart = stream.isatty() and os.environ.get("TERM", "") not in {"", "dumb"}
    return Live(stream) if smart else Plain(stream)


class Plain:
    """Plain lines, fit for a log file; progress at most every few seconds. A reader that has gone silences it."""

    def __init__(self, stream: TextIO) -> None:
        self.warnings: list[str] = []
        self._stream: TextIO = stream
        self._columns: list[str] | None = None
        self._last_progress = time.monotonic()
        self._begun: tuple[str, float, int] = ("", 0.0, 0)
        self._loss = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held open."""

    def stage(self, text: str) -> None:
        """Print the name of the stage."""
        self._print(wrapped(f"\n{clean(text)}", self._stream))

    def note(self, text: str) -> None:
        """Print an indented line."""
        self._print(wrapped(f"  {clean(text)}", self._stream))

    def warn(self, text: str) -> None:
        """Print a line that says it is a warning."""
        self.warnings.append(text)
        self._print(wrapped(f"  warning: {clean(text)}", self._stream))

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Keep the loss for the next line of progress."""
        if "loss" in values:
            self._loss = f", loss {values['loss']:.4f}"

    def evaluated(
        self, step: int, training_loss: float | None, loss: float | None, scores: Mapping[str, float]
    ) -> None:
        """Print a row of the table, and its head before the first row."""
        if self._columns != list(scores):
            self._columns = list(scores)
            head = ["Training Loss", "Validation Loss", *(name.replace("_", " ").title() for name in scores)]
            names = "  ".join(f"{clean(name):>{max(8, len(name))}}" for name in head)
            self._print(f"{'Step':>{_STEP}}  {names}")
        cells = [f"{step:>{_STEP}}", f"{_number(training_loss):>13}", f"{_number(loss):>15}"]
        cells += [f"{_number(value):>{max(8, len(name))}}" for name, value in scores.items()]
        self._print("  ".join(cells))

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Print how far a long step is, if the last such line is some seconds old."""
        now = time.monotonic()
        if self._begun[0] != what or done < self._begun[2]:
            self._begun = (what, now, done)
            self._last_progress = now
        elif now - self._last_progress >= PLAIN_SECONDS:
            self._last_progress = now
            self._print(f"  {clean(what)}: {self._how_far(done, total, unit, now)}{self._loss_of(what)}")

    def _how_far(self, done: int, total: int | None, unit: str, now: float) -> str:
        _, start, first = self._begun
        rate = (done - first) / (now - start) if now > start else 0.0
        text = f"{done:,}{f' of {total:,}' if total else ''} {unit}"
        if rate > 0:
            text += f", {rate:,.1f} {unit}/s" if rate >= 1 else f", {1 / rate:,.1f} s/{unit.rstrip('s')}"
            if total:
                text += f", {_duration((total - done) / rate)} left"
        return text

    def _loss_of(self, what: str) -> str:
        return self._loss if what == "training" else ""

    def _print(self, text: str) -> None:
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = io.StringIO()  # the reader has gone; the run goes on


class Live(Plain):
    """The same lines on a terminal, with one line of progress below that moves."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line of progress away."""
        self._close()

    def stage(self, text: str) -> None:
        """Print the name of the stage, and forget the progress of the one before."""
        self._close()
        super().stage(text)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Move the line of progress."""
        now = time.monotonic()
        fresh = self._begun[0] != what or done < self._begun[2]
        if fresh:
            self._close()
            self._begun = (what, now, done)
        if total is not None and done >= total:
            self._close()
            return
        try:
            words = f"{clean(what)}: {self._how_far(done, total, unit, now)}{self._loss_of(what)}"
            if self._bar is None:
                self._bar = self._open()
                self._task = self._bar.add_task(words, total=total, completed=done)
            elif self._task is not None:
                self._bar.update(self._task, completed=done, description=words)
        except (OSError, ValueError):
            self._bar = None

    def _open(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(file=self._stream)
        bar = Progress(
            TextColumn("  "),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            refresh_per_second=5,
        )
        bar.start()
        return bar

    def _print(self, text: str) -> None:
        if self._bar is None:
            super()._print(text)
            return
        try:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        except (OSError, ValueError):
            self._close()
            self._stream = io.StringIO()

    def _close(self) -> None:
        bar, self._bar, self._task = self._bar, None, None
        if bar is not None:
            try:
                bar.stop()
            except (OSError, ValueError):
                self._stream = io.StringIO()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
