"""One trial: an ordinary run without a test split, which may be judged before its end and go on later."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw.engine.execute import execute
from clsfw.engine.prepare import prepare_data
from clsfw.errors import DataError, InterruptedRunError, PluginError
from clsfw.process.signals import StopSignals
from clsfw.store.history import NAME as HISTORY
from clsfw.store.history import read_history
from clsfw.studies.board import Follower
from clsfw.toml.document import Flaw, report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clsfw.discovery.parts import BuiltSource
    from clsfw.engine.prepare import PreparedData
    from clsfw.recipe.plan import Plan
    from clsfw.report.display import Display
    from clsfw.studies.board import Board
    from clsfw.studies.shared import SharedData

_JUDGED = 0
"""No signal has this number: the trial stops to be judged."""

_HALVING = ("study", "search", "halving")


@dataclass(frozen=True)
class Judged:
    """The score of a trial on validation, and how much of its training it had."""

    score: float
    share: float


class _Halved(Follower):
    """The display of a run that stops at its first evaluation from a step on."""

    def __init__(self, board: Board, run: str, signals: StopSignals) -> None:
        super().__init__(board, run)
        self.until = math.inf
        self._signals = signals

    def evaluated(
        self,
        step: int,
        training_loss: float | None,
        loss: float | None,
        scores: Mapping[str, float],
        *,
        earlier: bool = False,
    ) -> None:
        """Ask the run to stop where it is to be judged; the trainer commits its state then."""
        if step >= self.until and self._signals.received is None:
            self._signals.received = _JUDGED


def run_trial(plan: Plan, path: Path, share: float, *, metric: str, board: Board, data: SharedData) -> Judged:
    """Train a trial, or go on with it, up to a share of its steps, and return its score.

    Raises:
        ClsfwError: whatever ends a run.

    """
    signals = StopSignals()
    display = _Halved(board, path.name, signals)

    def prepare(plan: Plan, source: BuiltSource, shown: Display) -> PreparedData:
        prepared = data(plan, source, shown)
        if share < 1:
            display.until = share * _steps(plan, len(prepared.parts["train"]))
        return prepared

    try:
        run = execute(plan, out=path, display=display, prepare=prepare, signals=signals)
    except InterruptedRunError as exc:
        if exc.signal_number != _JUDGED:
            raise
        lines = read_history(path / HISTORY)
        # One step may have followed where the run was killed just after it was judged.
        scores = next(line for line in lines if line.get("split") == "validation" and line["step"] >= display.until)
        return Judged(_score(scores, metric), share)
    if math.isfinite(display.until):
        board.note(
            f"{path.name} was trained to its end: nothing was evaluated between {share:.0%} of its steps and the last"
        )
    return Judged(_score(run.metrics.get("validation") or {}, metric), 1.0)


def closed(plan: Plan, source: BuiltSource, display: Display) -> PreparedData:
    """Prepare the data of a trial, which has a validation split and no test split.

    Raises:
        DataError: the data brings no validation split.

    """
    data = prepare_data(plan, source, display)
    if "validation" not in data.parts:
        raise DataError("the search needs a validation split to judge trials on, but the data brings none")
    if "test" in data.parts:
        raise AssertionError("the test split of a trial stays closed")
    return data


def _steps(plan: Plan, rows: int) -> float:
    """Return how many steps a trial takes.

    Raises:
        RecipeError: the trainer does not know, so that there is no share of them.

    """
    needs = plan.build().trainer.plan_training(rows, 1)
    if needs is None:
        message = f"{plan.trainer.component.name!r} has no steps to judge trials between; leave halving out"
        report(plan.document, [Flaw(_HALVING, message, at_key=True)])
        raise AssertionError("a flaw was reported")
    return needs.steps


def _score(scores: Mapping[str, object], metric: str) -> float:
    score = scores.get(metric)
    if not isinstance(score, float):
        raise PluginError(f"the metrics gave no {metric!r} on validation, only {', '.join(scores)}")
    return score
