"""Reporters of a model whose features take long: a signal ends them, not only the step that they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clsfw import Reporter, Run


class Stopping:
    """The run's reporter; where the run is asked to stop, the next word on progress ends it.

    Nothing was fitted yet, so there is no state to commit: the same command computes the features again, except
    those of a split that was done.
    """

    def __init__(self, run: Run) -> None:
        self.note, self.warn = run.reporter.note, run.reporter.warn
        self._run = run

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Show progress.

        Raises:
            InterruptedRunError: the run was asked to stop.

        """
        if self._run.stop_requested:
            self._run.stop()
        self._run.reporter.progress(what, done, total, unit)


class Predicting:
    """A reporter of predictions, for the features of the texts from `first` on; what it raises ends them."""

    def __init__(self, reporter: Reporter, first: int, total: int) -> None:
        self.note, self.warn = reporter.note, reporter.warn
        self._reporter, self._first, self._total = reporter, first, total

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Show how many texts are nearly predicted: the features are the work."""
        self._reporter.progress("predicting", self._first + done, self._total, unit)
