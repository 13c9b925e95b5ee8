"""What a trainer, and what a watcher, sees of the run that it is part of.

The duties of a trainer towards its run, in the order of a step:

1. before the first step: `run.fix(device=..., threads=...)`, with all that the bits of the result hang on, and
   `run.checkpoints.latest()`; if there is one, restore all that decides the rest;
2. at each logged step: `run.log(step, {"loss": ..., "learning_rate": ...})`;
3. at each evaluation: `run.evaluate(step, split, probabilities, loss)`, which returns the metrics' scores;
4. at each save, and after the last step: `run.checkpoints.commit(step, write)`, after what was logged for this step;
5. at the end of each step: if `run.stop_requested`, commit, then `run.stop()`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels, Reporter


@dataclass(frozen=True)
class Checkpoint:
    """A committed state of training; `path` is the directory that the trainer filled."""

    step: int
    path: Path
    timings: Mapping[str, float] = field(default_factory=dict)
    """The seconds by name that the run had taken so far."""


class Checkpoints(Protocol):
    """The crash-safe checkpoints of a run."""

    def commit(self, step: int, write: Callable[[Path], None], *, keep: int | None = 2) -> None:
        """Keep a state of training: `write(directory)` puts its files into an empty directory.

        It counts from the moment when all of it is on the disk. Then all but the newest `keep` go (None: none goes).

        Raises:
            HostError: the operating system refused; the checkpoints before this one are untouched.

        """

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is proven by its hashes, and rewind the history to it.

        Raises:
            RunDirectoryError: there are checkpoints, but all are damaged; nothing was changed.
            HostError: the operating system refused.

        """


class WatchedRun(Protocol):
    """One execution of a recipe, as its watchers see it: nothing of it can be set or changed."""

    @property
    def name(self) -> str:
        """The name in the recipe."""

    @property
    def seed(self) -> int:
        """The seed in the recipe."""

    @property
    def labels(self) -> Labels:
        """The classes, in the order of their ids."""

    @property
    def data(self) -> Mapping[str, Dataset]:
        """The splits by name; what is done to one in place is seen by nobody else."""

    @property
    def reporter(self) -> Reporter:
        """Where to show the user something."""

    @property
    def directory(self) -> Path:
        """The run directory. Only the store writes there."""


class Run(WatchedRun, Protocol):
    """One execution of a recipe, as its trainer sees it."""

    @property
    def checkpoints(self) -> Checkpoints:
        """The crash-safe checkpoints."""

    @property
    def stop_requested(self) -> bool:
        """Whether a signal asked the run to stop at the end of this step."""

    def stop(self) -> NoReturn:
        """Leave the run after the checkpoint of this step was committed.

        Raises:
            InterruptedRunError: always.

        """

    @property
    def begun(self) -> Mapping[str, object]:
        """What the trainer gave to `fix` when this run was begun, or the one that it repeats; empty for a new run.

        A choice that is free, as the number of threads, is best made like that one.
        """

    def fix(self, **facts: object) -> None:
        """Record what the bits of the result hang on besides the recipe: the device, the precision, the threads.

        Raises:
            RunDirectoryError: the run goes on from a checkpoint, was begun with other facts, and other bits were not
                accepted.

        """

    def record(self, **facts: object) -> None:
        """Keep facts in run.json that the recipe did not decide: the number of steps, the best step.

        Raises:
            TypeError: JSON holds no such value.

        """

    def timed(self, name: str) -> AbstractContextManager[None]:
        """Add the seconds of a block to `timings.json`, as `train_seconds`; a block within it counts for itself."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record a training step: `loss` is the mean since the last logged step."""

    def evaluate(
        self, step: int, split: str, probabilities: NDArray[np.float32], loss: float | None = None
    ) -> dict[str, float]:
        """Score probabilities [N, C], in the order of `data[split]`, by the recipe's metrics, and record them.

        Returns the scores, with `loss` among them if it was given.

        Raises:
            PluginError: these are not probabilities, a metric failed, or gave a number that is not finite.

        """
