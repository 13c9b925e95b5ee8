"""Carries a search out: trial by trial, each written down when it was judged, so that going on is asking again.

With halving all trials are trained up to the first share of their steps, the best of those up to the next one, and so
on; the searcher proposes by the scores after the first share, which all trials have.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw.contract.parts import Trial
from clsfw.errors import PluginError, RunDirectoryError, TrainingError
from clsfw.evidence.content import read_json
from clsfw.kit.atomic import remove_leftovers, write_json
from clsfw.kit.disk import explained
from clsfw.store.rundir import free_checkpoints
from clsfw.studies.content import CHOSEN, RUNS, TRIAL, TRIALS
from clsfw.studies.making import Task
from clsfw.studies.space import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from clsfw.discovery.parts import BuiltSearcher
    from clsfw.studies.board import Board
    from clsfw.studies.content import TrialRecord
    from clsfw.studies.crew import Crew
    from clsfw.studies.making import Made
    from clsfw.studies.plan import StudyPlan
    from clsfw.studies.settings import Search


@dataclass(frozen=True)
class Begun:
    """A trial that is being trained for a `file`, as it was `before`; or what was `written` there already."""

    before: TrialRecord
    task: Task
    file: Path
    written: TrialRecord | None


@dataclass(frozen=True)
class Trials:
    """The trials of a study in its directory `path`."""

    plan: StudyPlan
    search: Search
    path: Path
    board: Board
    crew: Crew

    def make(self) -> list[TrialRecord]:
        """Make the trials that are not made yet, and return all of them.

        Raises:
            ClsfwError: whatever ends a run, except training that diverged, which is a trial without a score.

        """
        with explained(self.path / TRIALS, "make"):
            (self.path / TRIALS).mkdir(exist_ok=True)
        remove_leftovers(self.path / TRIALS)
        records = self._first_stage()
        going: Sequence[TrialRecord] = records
        for stage in range(1, len(self.search.stages)):
            going = self._best(going)[: self.search.kept(len(going))]
            kept = {record["number"] for record in going}
            self._free(record["number"] for record in records if record["number"] not in kept)
            begun = [self._begin(stage, record) for record in going]
            going = []
            for trial in begun:
                going.append(self._judged(trial, going))
            later = {record["number"]: record for record in going}
            records = [later.get(record["number"], record) for record in records]
        best = best_of(records, self.search)
        if best is None or best["share"] < 1:
            raise TrainingError(f"none of the {len(records)} trials has a score at its end: training diverged")
        return records

    def _first_stage(self) -> list[TrialRecord]:
        """Ask for one trial after the other, and train each until it is judged first.

        Where several are trained at once, the searcher does not yet know the last ones. It is asked by those that are
        as many numbers back as there are jobs, however fast each was: the proposals hang on no clock.
        """
        searcher = self.search.part.build()
        records: list[TrialRecord] = []
        begun: deque[Begun] = deque()
        for number in range(1, self.search.trials + 1):
            if len(begun) == self.crew.jobs:
                records.append(self._judged(begun.popleft(), records))
            values = _asked(searcher, self.search, records, number, self.plan.own.recipe.seed)
            if values is None:
                self.board.note(f"the searcher has nothing left to try after {number - 1} trials")
                break
            begun.append(self._begin(0, {
                "number": number, "values": values, "score": None, "error": None, "share": 1.0, "first": None
            }))  # fmt: skip
        while begun:
            records.append(self._judged(begun.popleft(), records))
        return records

    def _begin(self, stage: int, record: TrialRecord) -> Begun:
        """Begin to train a trial until it is judged in a stage, unless that was done."""
        share = self.search.stages[stage]
        name = _name(record["number"])
        file = self.path / TRIALS / f"{name}{'' if share == 1 else f'-at-{share:g}'}.json"
        task = Task(name, record["values"], share)
        if not file.is_file():
            self.crew.begin(task)
            return Begun(record, task, file, None)
        written = read_json(file, TRIAL)
        if written["values"] != record["values"]:
            raise RunDirectoryError(
                f"{file} holds {written['values']!r}, but the searcher proposes {record['values']!r} now; it was "
                "changed, or hangs on something else than its arguments; give another --out"
            )
        return Begun(record, task, file, written)

    def _judged(self, trial: Begun, others: Sequence[TrialRecord]) -> TrialRecord:
        """Wait for what a trial comes to, and write it down."""
        record = trial.written
        if record is None:
            record = _came_to(trial, self.crew.result(trial.task))
            write_json(trial.file, record)
        self.board.finished(trial.task.name, told(record, self.search, best_of([*others, record], self.search)))
        return record

    def _best(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """Return the trials that have a score, the best first."""
        sign = 1 if self.search.greater else -1
        scored = [record for record in records if record["score"] is not None]
        return sorted(scored, key=lambda record: (-sign * (record["score"] or 0.0), record["number"]))

    def _free(self, numbers: Iterable[int]) -> None:
        """Remove the checkpoints of trials that go no further."""
        for number in numbers:
            if (self.path / RUNS / _name(number)).is_dir():
                free_checkpoints(self.path / RUNS / _name(number))


def _came_to(trial: Begun, made: Made) -> TrialRecord:
    if made.judged is None:
        return {**trial.before, "score": None, "error": made.diverged, "share": trial.task.share or 1.0}
    first = made.judged.score if trial.before["first"] is None else trial.before["first"]
    return {**trial.before, "score": made.judged.score, "share": made.judged.share, "first": first}


def choose(records: Sequence[TrialRecord], search: Search, path: Path) -> TrialRecord:
    """Return the best trial, and write down that it was chosen: from now on the test split may be opened."""
    best = best_of(records, search)
    if best is None:
        raise AssertionError("a search without a score was ended before")
    write_json(path / CHOSEN, best)
    return best


def best_of(records: Sequence[TrialRecord], search: Search) -> TrialRecord | None:
    """Return the trial with the best score at its end, the first of equal ones; None where none has a score.

    Before any trial came to its end it is the best of those that have come furthest.
    """
    sign = 1 if search.greater else -1
    scored = [(r["share"], sign * r["score"], -r["number"], r) for r in records if r["score"] is not None]
    return max(scored, key=lambda entry: entry[:3])[3] if scored else None


def told(record: TrialRecord, search: Search, best: TrialRecord | None) -> str:
    """Say in a line what a trial came to, beside the best so far."""
    score = "diverged" if record["score"] is None else f"{search.metric} {record['score']:.4f}"
    at = "" if record["share"] == 1 else f" at {100 * record['share']:g} %"
    so_far = f"  best {best['score']:.4f} in trial {best['number']}" if best is not None else ""
    return f"{score}{at}{so_far}  {values_told(record['values'])}"


def values_told(values: Mapping[str, Any]) -> str:
    """Write values in a line, without the names of their tables."""
    shown = {key.partition(".")[2]: f"{v:.4g}" if isinstance(v, float) else str(v) for key, v in values.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items())


def _name(number: int) -> str:
    return f"trial-{number:04}"


def _asked(
    searcher: BuiltSearcher, search: Search, records: Sequence[TrialRecord], number: int, seed: int
) -> dict[str, Any] | None:
    """Ask for the values of a trial.

    Raises:
        PluginError: the searcher failed, or proposed a value that the space does not hold.

    """
    sign = 1 if search.greater else -1
    finished = [
        Trial(r["number"], dict(r["values"]), None if r["first"] is None else sign * r["first"]) for r in records
    ]
    values = searcher.ask(dict(search.space), finished, number, seed)
    for name, value in (values or {}).items():
        if not holds(search.space[name], value):
            raise PluginError(f"{searcher} proposes {name} = {value!r}, which [study.space] does not hold")
    return values
