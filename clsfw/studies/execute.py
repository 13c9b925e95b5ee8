"""Carries a study out: every run in a directory of its own, and what they come to written last."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.engine.run import listed
from clsfw.errors import RunDirectoryError, TrainingError, UsageError
from clsfw.evidence.finished import FinishedRun
from clsfw.evidence.metrics import scores_by_split
from clsfw.kit.atomic import PREFIX, remove_leftovers, write_json, write_text
from clsfw.kit.disk import explained
from clsfw.kit.lock import NAME as LOCK
from clsfw.kit.lock import locked
from clsfw.kit.pairs import texts_of
from clsfw.kit.records import differences
from clsfw.pools import HERE
from clsfw.report.display import Quiet
from clsfw.studies.board import Silent
from clsfw.studies.content import BEGUN, REPORT, RESULT, RUNS, FinishedStudy, read_begun
from clsfw.studies.crew import Place, hired
from clsfw.studies.importance import importance
from clsfw.studies.luck import gain
from clsfw.studies.making import Task
from clsfw.studies.page import render_study, shown_rows
from clsfw.studies.search import Trials, choose, values_told
from clsfw.studies.spread import spread
from clsfw.studies.verdict import judge_study
from clsfw.studies.whole import judged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from clsfw.kit.pairs import Text
    from clsfw.studies.board import Board
    from clsfw.studies.content import Begun, SearchRecord, Spread, StudyRecord, StudyRun
    from clsfw.studies.crew import Crew
    from clsfw.studies.plan import StudyPlan
    from clsfw.studies.settings import Search
    from clsfw.studies.shared import SharedData


FEWEST = 2
"""With fewer seeds nothing is known of their luck."""


def study_path(plan: StudyPlan, out: str | Path | None) -> Path:
    """Return the directory of a study: `out`, or the one that the same recipe always gets."""
    name = f"{plan.own.recipe.name}-{plan.identity()[:8]}"
    return Path(out).expanduser() if out is not None else Path("studies") / name


def carry_out(
    plan: StudyPlan,
    *,
    out: str | Path | None = None,
    jobs: int | None = None,
    on: str = HERE,
    board: Board | None = None,
) -> FinishedStudy:
    """Carry a study out, go on with an interrupted one, or return a complete one.

    `jobs` runs are made at once, by workers of the executor that `on` names; None is one, or as many as the study was
    begun with.

    Raises:
        ClsfwError: see `clsfw.errors`; whatever ends a run ends the study, which can be continued.

    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs must be a number of runs from 1, not {jobs!r}")
    path, board = study_path(plan, out), board or Silent()
    _check_place(path)
    place = Place.found(on, plan.plugins, connect=not (path / RESULT).is_file())
    with explained(path, "make"):
        (path / RUNS).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(locked(path))
        remove_leftovers(path)
        begun = _begin(path, plan, jobs, place)
        if (path / RESULT).is_file():
            board.note(f"{path} is complete already")
            return FinishedStudy.read(path)
        board.begin(plan.pieces)
        crew = stack.enter_context(hired(plan, path, board, place, jobs=begun["jobs"], threads=begun["threads"]))
        record = (
            _seeds_alone(plan, path, board, crew)
            if plan.search is None
            else _searched(plan, plan.search, path, board, crew)
        )
        finished = FinishedStudy(path, record)
        board.note("drawing the report")
        write_text(path / REPORT, render_study(finished, _texts(plan, finished, crew.data)))
        write_json(path / RESULT, record)
        return FinishedStudy.read(path)


def _texts(plan: StudyPlan, study: FinishedStudy, shared: SharedData) -> dict[int, Text]:
    """Read the texts of the rows that the report shows."""
    runs = judged(study)
    rows = shown_rows([run.predictions for run in runs])
    own = plan.run(plan.seeds[0])
    texts = texts_of(shared(own, own.build().source, Quiet()).parts[runs[0].split])
    return {row: texts[row] for row in rows}


def _seeds_alone(plan: StudyPlan, path: Path, board: Board, crew: Crew) -> StudyRecord:
    tasks = [Task(f"seed-{seed}", None, seed=seed) for seed in plan.seeds]
    return _record(plan, _finals(tasks, path, board, crew), [], None)


def _searched(plan: StudyPlan, search: Search, path: Path, board: Board, crew: Crew) -> StudyRecord:
    """Search with the test split closed; then train the chosen values and the own ones under fresh seeds."""
    trials = Trials(plan, search, path, board, crew).make()
    best = choose(trials, search, path)
    board.note(f"chosen: trial {best['number']}, {values_told(best['values'])}")
    tasks = [
        Task(f"{whose}-{seed}", values, seed=seed)
        for seed in plan.seeds
        for whose, values in (("chosen", best["values"]), ("own", None))
    ]
    finals = _finals(tasks, path, board, crew)
    chosen, own = finals[::2], finals[1::2]
    fresh = spreads(_complete(chosen))["validation"][search.metric]["mean"]
    top = best["score"] or 0.0
    both = [(a.run, b.run) for a, b in zip(chosen, own, strict=True) if a.run is not None and b.run is not None]
    if len(both) < FEWEST:
        raise TrainingError("training diverged for so many seeds that fewer than two have both values' runs to compare")
    result: SearchRecord = {
        "trials": trials,
        "chosen": best,
        "gain": gain([a.predictions for a, _ in both], [b.predictions for _, b in both], search.metric),
        "optimism": {"best": top, "fresh": fresh, "difference": top - fresh},
        "own_scores": spreads(_complete(own)),
        "importance": importance(trials, search.to_json()["space"]),
    }
    return _record(plan, own, chosen, result)


def _record(
    plan: StudyPlan,
    own: Sequence[Final],
    chosen: Sequence[Final],
    search: SearchRecord | None,
) -> StudyRecord:
    return {
        "schema": 1,
        "name": plan.own.recipe.name,
        "identity": plan.identity(),
        "study": plan.to_json(),
        "runs": [*(_listed(final, "chosen") for final in chosen), *(_listed(final, "own") for final in own)],
        "scores": spreads(_complete(chosen or own)),
        "verdict": judge_study(plan.own, _complete(own), len(own)),
        "search": search,
    }


@dataclass(frozen=True)
class Final:
    """A final run by its folder's name and seed: complete, or what its training diverged by."""

    name: str
    seed: int
    run: FinishedRun | None
    error: str | None


def _complete(finals: Sequence[Final]) -> list[FinishedRun]:
    """Return the runs that trained to their end.

    Raises:
        TrainingError: they are too few to speak of seeds.

    """
    runs = [final.run for final in finals if final.run is not None]
    if len(runs) < FEWEST:
        error = next(final.error for final in finals if final.error is not None)
        raise TrainingError(f"training ended for {len(runs)} of {len(finals)} seeds, and a study needs two: {error}")
    return runs


def _listed(final: Final, values: Literal["own", "chosen"]) -> StudyRun:
    return {"run": final.name, "seed": final.seed, "values": values, "error": final.error}


def _finals(tasks: Sequence[Task], path: Path, board: Board, crew: Crew) -> list[Final]:
    """Make the final runs; one whose training diverges is a result, too: the others go on."""
    for task in tasks:
        crew.begin(task)
    return [_ended(task, path, board, crew) for task in tasks]


def _ended(task: Task, path: Path, board: Board, crew: Crew) -> Final:
    made = crew.result(task)
    if made.diverged is not None:
        board.finished(task.name, f"diverged: {made.diverged}")
        return Final(task.name, task.seed, None, made.diverged)
    run = FinishedRun.read(path / RUNS / task.name)
    scores = scores_by_split(run.metrics)
    split = next(name for name in ("test", "validation", "train") if name in scores)
    board.finished(task.name, f"{split} " + ", ".join(f"{name} {value:.4f}" for name, value in scores[split].items()))
    return Final(task.name, task.seed, run, None)


def spreads(runs: Sequence[FinishedRun]) -> dict[str, dict[str, Spread]]:
    """Describe each score of each split over the runs, as far as all of them have it."""
    by_run = [scores_by_split(run.metrics) for run in runs]
    return {
        split: {
            name: spread([scores[split][name] for scores in by_run])
            for name in names
            if all(name in scores.get(split, {}) for scores in by_run)
        }
        for split, names in by_run[0].items()
    }


def _check_place(path: Path) -> None:
    """See that a study may live here.

    Raises:
        RunDirectoryError: something else does.
        HostError: the operating system does not let us look.

    """
    with explained(path, "use"):
        if path.exists() and not path.is_dir():
            raise RunDirectoryError(f"{path} is a file; a study needs a directory of its own")
        if path.is_dir() and not (path / BEGUN).is_file():
            names = sorted(inner.name for inner in path.iterdir())
            foreign = [
                name for name in names if name not in {LOCK, RUNS, "recipe.toml"} and not name.startswith(PREFIX)
            ]
            if foreign or ((path / RUNS).is_dir() and any((path / RUNS).iterdir())):
                what = (foreign or [RUNS])[0]
                raise RunDirectoryError(
                    f"{path} is not empty and holds no study (it has {what!r}); choose a new or an empty directory"
                )


def _begin(path: Path, plan: StudyPlan, jobs: int | None, place: Place) -> Begun:
    """Write what the study is of, or see that the one that was begun here is of the same."""
    begun = read_begun(path)
    if begun is None:
        asked = os.environ.get("OMP_NUM_THREADS", "")
        each = int(asked) if asked.isdecimal() else place.threads(jobs or 1)
        alone = place.here and jobs in {None, 1}
        begun = {
            "schema": 1,
            "identity": plan.identity(),
            "recipe": plan.own.portable(),
            "study": plan.to_json(),
            "jobs": jobs or 1,
            "threads": None if alone else max(1, each),
        }
        write_text(path / "recipe.toml", plan.own.text)
        write_json(path / BEGUN, begun)
        return begun
    if begun["identity"] != plan.identity():
        changed = [
            *differences(begun["recipe"], plan.own.portable()),
            *(f"study.{line}" for line in differences(begun["study"], plan.to_json())),
        ]
        raise RunDirectoryError(f"{path} holds a study of something else:{listed(changed)}\ngive another --out")
    if jobs not in {None, begun["jobs"]} and not (path / RESULT).is_file():
        raise RunDirectoryError(
            f"{path} was begun with --jobs {begun['jobs']}, on which its bits hang; leave --jobs out to continue it, "
            "or give another --out"
        )
    if begun["threads"] is None and not place.here and not (path / RESULT).is_file():
        raise RunDirectoryError(
            f"{path} was begun one run after the other in one process, on whose threads its bits hang; leave --on out "
            "to continue it, or give another --out"
        )
    return begun
