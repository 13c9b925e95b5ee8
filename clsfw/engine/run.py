"""One execution of a plan, as the engine itself holds it; what its parts see of it is in `handles`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from clsfw.engine.handles import WatchedHandle
from clsfw.errors import ClsfwError, InterruptedRunError, RunDirectoryError
from clsfw.evidence.outcomes import decide, score
from clsfw.kit.labels import references
from clsfw.kit.predictions import check_probabilities
from clsfw.kit.records import differences, plain
from clsfw.process.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels
    from clsfw.contract.run import Checkpoint
    from clsfw.discovery.parts import BuiltMetric, BuiltWatcher
    from clsfw.process.signals import StopSignals
    from clsfw.report.display import Display
    from clsfw.store.rundir import RunDirectory


class Execution:
    """A run under way: its data and labels, which all scores come from, its open directory, and what was logged."""

    def __init__(
        self,
        *,
        name: str,
        seed: int,
        labels: Labels,
        data: Mapping[str, Dataset],
        store: RunDirectory,
        metrics: Sequence[BuiltMetric],
        watchers: Sequence[BuiltWatcher],
        display: Display,
        signals: StopSignals,
        trainer: object = "the trainer",
        clock: Clock | None = None,
        begun: Mapping[str, object] | None = None,
        accept_other_bits: bool = False,
    ) -> None:
        """Take what a run is made of; `trainer` names it in messages, `clock` has the time that was taken so far.

        `begun` is what the run was fixed to that this one repeats.
        """
        self.name = name
        self.seed = seed
        self.labels = labels
        self.data = data
        self.store = store
        self.metrics = metrics
        self.display = display
        self.facts: dict[str, object] = {}
        """What the trainer recorded."""
        self.begun: dict[str, object] = {**(begun or {}), **store.record.get("fixed", {}).get("computed", {})}
        """What the trainer gave to `fix` before."""
        self.clock = clock or Clock()
        self._accept_other_bits = accept_other_bits
        store.checkpoints.timings = self.clock.read
        self._watchers = [(watcher, WatchedHandle(self)) for watcher in watchers]
        self._trainer = trainer
        self._signals = signals
        self._references: dict[str, NDArray[np.int64]] = {}
        self._training_loss: float | None = None

    def resume(self) -> Checkpoint | None:
        """Return the newest checkpoint, if there is one, and count the seconds on from it."""
        checkpoint = self.store.checkpoints.latest()
        if checkpoint is not None:
            self.clock.add(checkpoint.timings)
        return checkpoint

    def recall(self) -> None:
        """Show what was evaluated before the run went on."""
        for line in self.store.history.read():
            values = {key: float(value) for key, value in line.items() if key not in {"step", "split"}}
            if "split" not in line:
                self._training_loss = values.get("loss", self._training_loss)
            elif line["split"] == "validation":
                loss = values.pop("loss", None)
                self.display.evaluated(line["step"], self._training_loss, loss, values, earlier=True)

    def fix(self, facts: Mapping[str, object]) -> None:
        """Record what the bits of the result hang on.

        Raises:
            RunDirectoryError: the run goes on, was begun with other facts, and other bits were not accepted.

        """
        if self.begun and self.store.checkpoints.any():
            changed = differences(self.begun, facts)
            refuse_other_bits(self.store, changed, accepted=self._accept_other_bits, warn=self.display.warn)
        self.facts.update(facts)
        self.store.update(fixed={**self.store.record.get("fixed", {}), "computed": dict(facts)})

    @property
    def stop_requested(self) -> bool:
        """Whether a signal asked the run to stop at the end of this step."""
        return self._signals.received is not None

    def stop(self) -> NoReturn:
        """Leave the run.

        Raises:
            InterruptedRunError: always.

        """
        number = self._signals.received
        if number is None:
            raise RuntimeError("stop() without a stop request; look at run.stop_requested first")
        raise InterruptedRunError("interrupted; the same command continues this run, but not with --fresh", number)

    def record(self, facts: Mapping[str, object]) -> None:
        """Keep facts for run.json, as JSON holds them.

        Raises:
            TypeError: JSON holds no such value; raised now, and not when training is over.

        """
        try:
            self.facts.update(json.loads(json.dumps(facts, allow_nan=False, default=plain)))
        except (TypeError, ValueError) as exc:
            raise TypeError(f"run.json cannot hold {facts!r}: {exc}") from exc

    def warnings(self) -> list[str]:
        """Return what was warned of so far, also before the run went on."""
        return list(dict.fromkeys([*self.store.record.get("warnings", []), *self.display.warnings]))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record a training step."""
        self._training_loss = values.get("loss", self._training_loss)
        self.store.history.append({"step": step, **values})
        self.display.logged(step, values)
        self.notify("on_step", step=step, values=values)

    def references(self, split: str) -> NDArray[np.int64]:
        """Return the class ids [N] of a split, or with several labels per text 0/1 [N, C]; read once."""
        if split not in self._references:
            self._references[split] = references(self.data[split], self.labels)
        return self._references[split]

    def evaluate(
        self, step: int, split: str, probabilities: NDArray[np.float32], loss: float | None = None
    ) -> dict[str, float]:
        """Score probabilities [N, C], in the order of the split, by the recipe's metrics, and record them.

        Raises:
            PluginError: these are not probabilities, a metric failed, or gave something that is not a finite number.

        """
        true = self.references(split)
        check_probabilities(probabilities, len(true), self.labels, self._trainer)
        scores = score(self.metrics, decide(self.labels, true, probabilities))
        told = scores if loss is None else {"loss": loss, **scores}
        self.store.history.append({"step": step, "split": split, **told})
        self.display.evaluated(step, self._training_loss, loss, scores)
        self.notify("on_evaluate", split=split, scores={"step": float(step), **told})
        return dict(told)

    def notify(self, hook: str, **arguments: object) -> None:
        """Call every watcher; one that fails is set aside with a warning, and is not called again.

        Raises:
            ClsfwError: a required watcher failed; all were called.

        """
        failures: list[ClsfwError] = []
        for watching in tuple(self._watchers):
            watcher, handle = watching
            try:
                with self.clock.timed("watch_seconds"):  # or it would count as training
                    watcher.tell(hook, run=handle, **arguments)
            except ClsfwError as exc:
                self._watchers.remove(watching)
                if watcher.required:
                    failures.append(exc)
                else:
                    self.display.warn(f"watcher {watcher.name!r} failed and is not called again: {exc}")
                    if self.store.state != "complete":
                        self.store.update(warnings=self.warnings())  # at once: the process may die before the end
        if failures:
            raise failures[0]


def refuse_other_bits(
    store: RunDirectory, changed: Sequence[str], *, accepted: bool, warn: Callable[[str], None]
) -> None:
    """Refuse to go on with a run where something changed that its bits hang on; if that is accepted, record it.

    Raises:
        RunDirectoryError: it is not accepted.

    """
    if changed and not accepted:
        raise RunDirectoryError(
            f"{store.path} holds an interrupted run that would end with other bits than it promises:{listed(changed)}\n"
            "undo the changes, go on nevertheless with --accept-other-bits, or start over with --fresh, which keeps the"
            " old directory"
        )
    before: list[str] = store.record.get("other_bits", [])
    new = [line for line in changed if line not in before]
    if new:
        warn(f"the run goes on, but no longer promises its bits: {'; '.join(new)}")
        store.update(other_bits=[*before, *new])


def listed(lines: Sequence[str]) -> str:
    """Return each on a line of its own, as messages show what differs."""
    return "".join(f"\n    {line}" for line in lines)
