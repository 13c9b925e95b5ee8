"""One execution of a plan: the `clsfw.Run` that trainers see, and what the engine keeps of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, Protocol

from clsfw.contract.parts import Reporter
from clsfw.errors import ClsfwError, InterruptedRunError
from clsfw.evidence.outcomes import check_probabilities, decide, score
from clsfw.kit.labels import references

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels
    from clsfw.discovery.plugins import Plugin
    from clsfw.engine.signals import StopSignals
    from clsfw.evidence.outcomes import NamedMetric
    from clsfw.store.checkpoints import Checkpoints
    from clsfw.store.rundir import RunDirectory


class Display(Reporter, Protocol):
    """What the engine tells the outside: a terminal, a log, or nobody."""

    warnings: list[str]
    """What was warned of so far; the run keeps it."""

    def stage(self, text: str) -> None:
        """Begin a stage of the run, such as reading the data."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Show a logged training step."""

    def evaluated(
        self, step: int, training_loss: float | None, loss: float | None, scores: Mapping[str, float]
    ) -> None:
        """Show an evaluation during training: one row of the table."""


class Run:
    """One execution of a plan, as its parts and its watchers see it."""

    def __init__(
        self,
        *,
        name: str,
        seed: int,
        labels: Labels,
        data: Mapping[str, Dataset],
        store: RunDirectory,
        metrics: Sequence[NamedMetric],
        watchers: Sequence[Plugin],
        display: Display,
        signals: StopSignals,
        started: float | None = None,
        timings: Mapping[str, float] | None = None,
    ) -> None:
        """Take what a run is made of; `started` is a monotonic clock, `timings` the seconds that a checkpoint holds."""
        self.name = name
        self.seed = seed
        self.labels = labels
        self.data = data
        self.reporter: Reporter = display
        self.facts: dict[str, object] = {}
        self.timings = dict(timings or {})
        self._total_before = self.timings.pop("total_seconds", 0.0)
        self._timed: list[str] = []
        self._since = self._started = time.monotonic()
        if started is not None:
            self._started = started
        self._store = store
        store.checkpoints.timings = self.seconds
        self.metrics = metrics
        self._watchers = watchers
        self._display = display
        self._signals = signals
        self._references: dict[str, NDArray[np.int64]] = {}
        self._training_loss: float | None = None

    @property
    def directory(self) -> Path:
        """The run directory. Only the store writes there; a watcher may read it, or keep files of its own elsewhere."""
        return self._store.path

    @property
    def checkpoints(self) -> Checkpoints:
        """The crash-safe checkpoints: `commit(step, write)` and `latest()`."""
        return self._store.checkpoints

    @property
    def stop_requested(self) -> bool:
        """Whether a signal asked the run to stop at the end of this step."""
        return self._signals.received is not None

    def stop(self) -> NoReturn:
        """Leave the run after the checkpoint of this step was committed."""
        number = self._signals.received
        if number is None:
            raise RuntimeError("stop() without a stop request; look at run.stop_requested first")
        raise InterruptedRunError("interrupted; the same command continues this run, but not with --fresh", number)

    def record(self, **facts: object) -> None:
        """Keep facts in run.json that the recipe did not decide: the device, the precision, the number of steps."""
        self.facts.update(facts)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to `timings.json`, as `train_seconds`; a block within it counts for itself."""
        self._charge()
        self._timed.append(name)
        try:
            yield
        finally:
            self._charge()
            self._timed.pop()

    def seconds(self) -> dict[str, float]:
        """Return the seconds so far by name, with `total_seconds`; a continued run counts on from its checkpoint."""
        self._charge()
        return {**self.timings, "total_seconds": self._total_before + self._since - self._started}

    def _charge(self) -> None:
        """Return the time since the last look to the innermost block that is timed."""
        now = time.monotonic()
        if self._timed:
            self.timings[self._timed[-1]] = self.timings.get(self._timed[-1], 0.0) + now - self._since
        self._since = now

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record a training step: `loss` is the mean since the last logged step."""
        self._training_loss = values.get("loss", self._training_loss)
        self._store.history.append({"step": step, **values})
        self._display.logged(step, values)
        self.notify("on_step", step=step, values=values)

    def evaluate(
        self, step: int, split: str, probabilities: NDArray[np.float32], loss: float | None = None
    ) -> dict[str, float]:
        """Score probabilities [N, C], in the order of `data[split]`, by the recipe's metrics, and record them.

        Gives the scores, with `loss` among them if it was given.

        Raises:
            PluginError: these are no probabilities, a metric failed, or gave something that is not a finite number.

        """
        if split not in self._references:
            self._references[split] = references(self.data[split], self.labels)
        check_probabilities(probabilities, len(self.data[split]), self.labels, "the trainer")
        outcome = decide(self.labels, self._references[split], probabilities)
        scores = score(self.metrics, outcome)
        told = scores if loss is None else {"loss": loss, **scores}
        self._store.history.append({"step": step, "split": split, **told})
        self._display.evaluated(step, self._training_loss, loss, scores)
        self.notify("on_evaluate", split=split, scores={"step": float(step), **told})
        return dict(told)

    def notify(self, hook: str, **arguments: object) -> None:
        """Call a watching hook of every plugin that watches this run, each with its own copy of what it is told.

        All are told, even where one fails; the first failure is raised then.
        """
        failures: list[ClsfwError] = []
        for plugin in self._watchers:
            own = {key: dict(value) if isinstance(value, Mapping) else value for key, value in arguments.items()}
            try:
                plugin.watch(hook, run=self, **own)
            except ClsfwError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]
