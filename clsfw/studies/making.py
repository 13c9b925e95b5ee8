"""Makes one run of a study in this process: a trial, or a final run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw.engine.execute import execute
from clsfw.errors import TrainingError
from clsfw.studies.board import Follower
from clsfw.studies.content import RUNS
from clsfw.studies.shared import SharedData
from clsfw.studies.trial import Judged, closed, run_trial

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clsfw.recipe.plan import Plan
    from clsfw.studies.board import Board
    from clsfw.studies.plan import StudyPlan


@dataclass(frozen=True)
class Task:
    """One run to be made in the folder `name`, with `values` for some of the recipe's settings.

    A trial has a `share` of its steps, after which it is judged; a final run has a `seed`.
    """

    name: str
    values: Mapping[str, Any] | None
    share: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Made:
    """What a run came to: a trial's score on validation, or nothing more; or why its training diverged."""

    judged: Judged | None = None
    diverged: str | None = None


class Maker:
    """Makes the runs of the study in the directory `path`, and reads and cuts data that they share once."""

    def __init__(self, plan: StudyPlan, path: Path, board: Board) -> None:
        self._plan = plan
        self._path = path
        self._board = board
        self.data = SharedData()
        self._closed = SharedData(closed)

    def __call__(self, task: Task) -> Made:
        """Make a run, or go on with it; one whose training diverges is a result, too.

        Raises:
            ClsfwError: whatever else ends a run.

        """
        self._board.started(task.name)
        try:
            if task.share is None:
                self._final(self._plan.run(task.seed, task.values), task.name)
                return Made()
            return Made(self._trial(self._plan.trial(task.values or {}), task.name, task.share))
        except TrainingError as exc:
            return Made(diverged=str(exc))

    def _final(self, plan: Plan, name: str) -> None:
        execute(plan, out=self._path / RUNS / name, display=Follower(self._board, name), prepare=self.data)

    def _trial(self, plan: Plan, name: str, share: float) -> Judged:
        search = self._plan.search
        if search is None:
            raise AssertionError("only a search makes trials")
        path = self._path / RUNS / name
        return run_trial(plan, path, share, metric=search.metric, board=self._board, data=self._closed)
