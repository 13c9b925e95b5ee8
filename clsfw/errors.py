"""Every error that clsfw raises on purpose.

    ClsfwError                     exit code
    ├── UsageError                 2    the command line
    ├── RecipeError                2    the recipe: all of its problems at once
    ├── DataError                  3    the data
    ├── PluginError                4    a plugin is broken or misbehaves
    │   └── ContractError          4    a check of `clsfw.testing` failed
    ├── ModelError                 5    the model's files
    │   └── NetworkError           5    a server could not be reached or refused
    ├── HostError                  6    this machine: device, memory, disk, versions
    │   └── RunDirectoryError      6    the run directory
    ├── LockedError                7    another process holds the run directory
    ├── TrainingError              8    training itself failed
    ├── NotReproducedError         9    the recipe's expected result was missed
    └── InterruptedRunError        128 + signal number; the same command continues the run

A message says what is wrong, where, and what to do instead: lower case, no full stop, values by `!r`.
"""

from __future__ import annotations

import copyreg
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__version__ = "0.2.0"


@dataclass(frozen=True)
class Place:
    """A spot in a text file; `line` and `column` count from 1."""

    file: Path | str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [str(self.file), *(str(n) for n in (self.line, self.column) if n is not None)]
        return ":".join(parts)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a recipe, with the source line that shows it.

    `section` is how the message names the table, as in `[trainer]`; `source` is the text of the line at `place`.
    """

    place: Place
    message: str
    section: str = ""
    source: str | None = None

    def __str__(self) -> str:
        head = f"{self.place}: {self.section + ' ' if self.section else ''}{self.message}"
        if self.source is None:
            return head
        shown = f"    {self.source}"
        if self.place.column is None:
            return f"{head}\n{shown}"
        # A tab before the column must stay a tab, or the caret slips.
        before = self.source[: self.place.column - 1]
        blank = "".join("\t" if char == "\t" else " " for char in before)
        return f"{head}\n{shown}\n    {blank}^"


class ClsfwError(Exception):
    """Base of all errors that a user can cause and that end in one clear message; they travel between processes."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]  # whatever its __init__ takes


class UsageError(ClsfwError):
    """The command line, or the arguments of a public function, cannot be carried out."""

    exit_code = 2


class RecipeError(ClsfwError):
    """A recipe cannot be run; `problems` holds all that was found, in the order of the file."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DataError(ClsfwError):
    """The data cannot be read, or is not what the recipe declares."""

    exit_code = 3


class PluginError(ClsfwError):
    """A plugin is broken, or did something that its contract forbids."""

    exit_code = 4


class ContractError(PluginError):
    """A check of `clsfw.testing` found a component that breaks its contract."""


class ModelError(ClsfwError):
    """A model's files are missing, damaged, or do not fit the recipe."""

    exit_code = 5


class NetworkError(ModelError):
    """A server could not be reached, or refused."""


class HostError(ClsfwError):
    """This machine lacks something that the run needs: a device, memory, disk space, a library."""

    exit_code = 6


class RunDirectoryError(HostError):
    """The run directory cannot be used as asked."""


class LockedError(ClsfwError):
    """Another process is at work in the run directory."""

    exit_code = 7


class TrainingError(ClsfwError):
    """Training could not go on; the last good checkpoint is kept."""

    exit_code = 8


class NotReproducedError(ClsfwError):
    """The run is complete, and its result is not the one that the recipe expects."""

    exit_code = 9


class InterruptedRunError(ClsfwError):
    """A signal stopped the run after its state was saved; the same command continues it."""

    def __init__(self, message: str, signal_number: int) -> None:
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number
        super().__init__(message)
