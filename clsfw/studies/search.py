"""Carries a search out: trial by trial, each written down when it ended, so that going on is asking again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from clsfw.contract.parts import Trial
from clsfw.engine.prepare import prepare_data
from clsfw.errors import DataError, PluginError, RunDirectoryError, TrainingError
from clsfw.evidence.content import read_json
from clsfw.kit.atomic import write_json
from clsfw.kit.disk import explained
from clsfw.studies.content import CHOSEN, TRIAL, TRIALS
from clsfw.studies.space import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from clsfw.discovery.parts import BuiltSearcher, BuiltSource
    from clsfw.engine.prepare import PreparedData
    from clsfw.evidence.finished import FinishedRun
    from clsfw.recipe.plan import Plan
    from clsfw.report.display import Display
    from clsfw.studies.board import Board
    from clsfw.studies.content import TrialRecord
    from clsfw.studies.plan import StudyPlan
    from clsfw.studies.settings import Search


class RunsTrial(Protocol):
    """Carries out the run of a trial in the folder `name`."""

    def __call__(self, plan: Plan, name: str) -> FinishedRun:
        """Return the complete run."""


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


def search_values(plan: StudyPlan, search: Search, path: Path, board: Board, run: RunsTrial) -> list[TrialRecord]:
    """Make the trials that are not made yet, and return all of them.

    Raises:
        ClsfwError: whatever ends a run, but for training that diverged, which is a trial without a score.

    """
    with explained(path / TRIALS, "make"):
        (path / TRIALS).mkdir(exist_ok=True)
    searcher = search.part.build()
    records: list[TrialRecord] = []
    for number in range(1, search.trials + 1):
        values = _asked(searcher, search, records, number, plan.own.recipe.seed)
        if values is None:
            board.note(f"the searcher has nothing left to try after {number - 1} trials")
            break
        name = f"trial-{number:04}"
        file = path / TRIALS / f"{name}.json"
        if file.is_file():
            record = read_json(file, TRIAL)
            if record["values"] != values:
                raise RunDirectoryError(
                    f"{file} holds {record['values']!r}, but {searcher} proposes {values!r} now; it was changed, or "
                    "hangs on something else than its arguments; give another --out"
                )
        else:
            board.started(name)
            record = _tried(plan, search, number, values, partial(run, name=name))
            write_json(file, record)
        records.append(record)
        board.finished(name, told(record, search, best_of(records, search)))
    if best_of(records, search) is None:
        raise TrainingError(f"none of the {len(records)} trials has a score: training diverged in all of them")
    return records


def choose(records: Sequence[TrialRecord], search: Search, path: Path) -> TrialRecord:
    """Return the best trial, and write down that it was chosen: from now on the test split may be opened."""
    best = best_of(records, search)
    if best is None:
        raise AssertionError("a search without a score was ended before")
    write_json(path / CHOSEN, best)
    return best


def best_of(records: Sequence[TrialRecord], search: Search) -> TrialRecord | None:
    """Return the trial with the best score, the first of equal ones; None where none has a score."""
    sign = 1 if search.greater else -1
    scored = [(sign * record["score"], -record["number"]) for record in records if record["score"] is not None]
    return records[-max(scored)[1] - 1] if scored else None


def told(record: TrialRecord, search: Search, best: TrialRecord | None) -> str:
    """Say in a line what a trial came to, beside the best so far."""
    score = "diverged" if record["score"] is None else f"{search.metric} {record['score']:.4f}"
    so_far = f"  best {best['score']:.4f} in trial {best['number']}" if best is not None else ""
    return f"{score}{so_far}  {values_told(record['values'])}"


def values_told(values: Mapping[str, Any]) -> str:
    """Write values in a line, without the names of their tables."""
    shown = {key.partition(".")[2]: f"{v:.4g}" if isinstance(v, float) else str(v) for key, v in values.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items())


def _asked(
    searcher: BuiltSearcher, search: Search, records: Sequence[TrialRecord], number: int, seed: int
) -> dict[str, Any] | None:
    """Ask for the values of a trial.

    Raises:
        PluginError: the searcher failed, or proposed a value that the space does not hold.

    """
    sign = 1 if search.greater else -1
    finished = [
        Trial(r["number"], dict(r["values"]), None if r["score"] is None else sign * r["score"]) for r in records
    ]
    values = searcher.ask(dict(search.space), finished, number, seed)
    for name, value in (values or {}).items():
        if not holds(search.space[name], value):
            raise PluginError(f"{searcher} proposes {name} = {value!r}, which [study.space] does not hold")
    return values


def _tried(
    plan: StudyPlan, search: Search, number: int, values: dict[str, Any], run: Callable[[Plan], FinishedRun]
) -> TrialRecord:
    try:
        finished = run(plan.trial(values))
    except TrainingError as exc:
        return {"number": number, "values": values, "score": None, "error": str(exc)}
    scores = finished.metrics.get("validation") or {}
    if search.metric not in scores:
        raise PluginError(f"the metrics gave no {search.metric!r} on validation, only {', '.join(scores)}")
    return {"number": number, "values": values, "score": scores[search.metric], "error": None}
