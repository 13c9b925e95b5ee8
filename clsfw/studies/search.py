"""Carries a search out: trial by trial, each written down when it was judged, so that going on is asking again.

With halving all trials are trained up to the first share of their steps, the best of those up to the next one, and so
on; the searcher proposes by the scores after the first share, which all trials have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from clsfw.contract.parts import Trial
from clsfw.errors import PluginError, RunDirectoryError, TrainingError
from clsfw.evidence.content import read_json
from clsfw.kit.atomic import remove_leftovers, write_json
from clsfw.kit.disk import explained
from clsfw.store.rundir import free_checkpoints
from clsfw.studies.content import CHOSEN, RUNS, TRIAL, TRIALS
from clsfw.studies.space import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from clsfw.discovery.parts import BuiltSearcher
    from clsfw.recipe.plan import Plan
    from clsfw.studies.board import Board
    from clsfw.studies.content import TrialRecord
    from clsfw.studies.plan import StudyPlan
    from clsfw.studies.settings import Search
    from clsfw.studies.trial import Judged


class RunsTrial(Protocol):
    """Trains the trial in the folder `name` up to a share of its steps, going on from where it was."""

    def __call__(self, plan: Plan, name: str, share: float) -> Judged:
        """Return what it came to."""


@dataclass(frozen=True)
class Trials:
    """The trials of a study in its directory `path`."""

    plan: StudyPlan
    search: Search
    path: Path
    board: Board
    run: RunsTrial

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
            later = {record["number"]: self._judged(stage, record, record["values"], going) for record in going}
            going = list(later.values())
            records = [later.get(record["number"], record) for record in records]
        best = best_of(records, self.search)
        if best is None or best["share"] < 1:
            raise TrainingError(f"none of the {len(records)} trials has a score at its end: training diverged")
        return records

    def _first_stage(self) -> list[TrialRecord]:
        """Ask for one trial after the other, and train each until it is judged first."""
        searcher = self.search.part.build()
        records: list[TrialRecord] = []
        for number in range(1, self.search.trials + 1):
            values = _asked(searcher, self.search, records, number, self.plan.own.recipe.seed)
            if values is None:
                self.board.note(f"the searcher has nothing left to try after {number - 1} trials")
                break
            begun: TrialRecord = {
                "number": number, "values": values, "score": None, "error": None, "share": 1.0, "first": None
            }  # fmt: skip
            records.append(self._judged(0, begun, values, records))
        return records

    def _judged(
        self, stage: int, before: TrialRecord, values: dict[str, Any], others: Sequence[TrialRecord]
    ) -> TrialRecord:
        """Train a trial until it is judged in a stage, or read what it came to."""
        share = self.search.stages[stage]
        name = _name(before["number"])
        file = self.path / TRIALS / f"{name}{'' if share == 1 else f'-at-{share:g}'}.json"
        if file.is_file():
            record = read_json(file, TRIAL)
            if record["values"] != values:
                raise RunDirectoryError(
                    f"{file} holds {record['values']!r}, but the searcher proposes {values!r} now; it was changed, or "
                    "hangs on something else than its arguments; give another --out"
                )
        else:
            self.board.started(name)
            record = self._trained(share, before)
            write_json(file, record)
        self.board.finished(name, told(record, self.search, best_of([*others, record], self.search)))
        return record

    def _trained(self, share: float, before: TrialRecord) -> TrialRecord:
        try:
            judged = self.run(self.plan.trial(before["values"]), _name(before["number"]), share)
        except TrainingError as exc:
            return {**before, "score": None, "error": str(exc), "share": share}
        first = judged.score if before["first"] is None else before["first"]
        return {**before, "score": judged.score, "share": judged.share, "first": first}

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
