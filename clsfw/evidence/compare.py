"""Compares complete runs on the same test rows: who is better, by how much, and whether that could be luck."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.errors import UsageError
from clsfw.evidence.alignment import aligned, matrix, refuse_other_rows
from clsfw.evidence.comparison import Comparison, CutByOne, Pair, Side
from clsfw.evidence.finished import FinishedRun
from clsfw.evidence.significance import accuracy_differences, bootstrap_p, f1_differences, holm, interval, mcnemar
from clsfw.evidence.tally import macro_scores
from clsfw.kit.disk import explained
from clsfw.store.rundir import MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from clsfw.evidence.predictions import PredictionTable

_ACCURACY_RESAMPLES = 10_000
_F1_RESAMPLES = 2_000
_SEED = 20_000
_TWO = 2


def compare_runs(directories: Sequence[str | Path]) -> Comparison:
    """Compare two or more complete runs.

    Raises:
        UsageError: fewer than two runs, one given twice, or their test rows differ.
        RunDirectoryError: a directory holds no complete run, or a file of it was changed.

    """
    paths = [Path(directory).expanduser() for directory in directories]
    if len(paths) < _TWO:
        raise UsageError("a comparison takes at least two run directories")
    resolved = [path.resolve() for path in paths]
    twice = next((path for i, path in enumerate(paths) if resolved[i] in resolved[:i]), None)
    if twice is not None:
        raise UsageError(f"{twice} is given twice; a run does not differ from itself")
    runs = [FinishedRun.read(path) for path in paths]
    tables = [run.predictions for run in runs]
    for path, table in zip(paths[1:], tables[1:], strict=True):
        refuse_other_rows(paths[0], tables[0], path, table)
    sides = [_side(_letter(i), run) for i, run in enumerate(runs)]
    entries = list(zip(sides, tables, strict=True))
    tests = [mcnemar(*_discordant(a[1], b[1])) for a, b in combinations(entries, 2)]
    pairs = [
        _pair(a, b, p, corrected)
        for (a, b), p, corrected in zip(combinations(entries, 2), tests, holm(tests), strict=True)
    ]
    return Comparison(tuple(sides), tuple(pairs))


def _discordant(a: PredictionTable, b: PredictionTable) -> tuple[int, int]:
    right_a, right_b = a.right, aligned(a, b).right
    return _counts(right_a, right_b)


def _counts(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> tuple[int, int]:
    return int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())


def _pair(a: tuple[Side, PredictionTable], b: tuple[Side, PredictionTable], p: float, corrected: float) -> Pair:
    (side_a, table_a), (side_b, given_b) = a, b
    table_b = aligned(table_a, given_b)
    only_a, only_b = _discordant(table_a, table_b)
    both = int((table_a.right & table_b.right).sum())
    rows, classes = len(table_a), len(table_a.labels)
    accuracy = accuracy_differences(only_a, only_b, rows, _ACCURACY_RESAMPLES, _SEED)
    references, of_a, of_b = table_a.references, table_a.predictions, table_b.predictions
    if not references.ndim == of_a.ndim == of_b.ndim == 1:
        references, of_a, of_b = (matrix(ids, classes) for ids in (references, of_a, of_b))
    f1 = f1_differences(references, of_a, of_b, classes, resamples=_F1_RESAMPLES, seed=_SEED)
    (low, high), (f1_low, f1_high) = interval(accuracy), interval(f1)
    return Pair(
        a=side_a,
        b=side_b,
        rows=rows,
        difference=(only_a - only_b) / rows,
        interval=(low, high),
        f1_difference=side_a.f1 - side_b.f1,
        f1_interval=(f1_low, f1_high),
        mcnemar_p=p,
        bootstrap_p=bootstrap_p(accuracy),
        only_a_right=only_a,
        only_b_right=only_b,
        both_right=both,
        both_wrong=rows - only_a - only_b - both,
        corrected_p=corrected,
        cut_by_one=_cut_by_one(table_a, table_b),
    )


def _cut_by_one(a: PredictionTable, b: PredictionTable) -> CutByOne | None:
    """Compare on the texts that just one of the two cut; None if there are none."""
    cut = a.truncated != b.truncated
    if not cut.any():
        return None
    rows = int(cut.sum())
    only_a, only_b = _counts(a.right[cut], b.right[cut])
    differences = accuracy_differences(only_a, only_b, rows, _ACCURACY_RESAMPLES, _SEED)
    low, high = interval(differences)
    return CutByOne(
        rows=rows,
        by_a=int((a.truncated & cut).sum()),
        difference=(only_a - only_b) / rows,
        interval=(low, high),
        mcnemar_p=mcnemar(only_a, only_b),
        bootstrap_p=bootstrap_p(differences),
        only_a_right=only_a,
        only_b_right=only_b,
    )


def _side(letter: str, run: FinishedRun) -> Side:
    table, path = run.predictions, run.directory
    scores = macro_scores(table.references, table.predictions, len(table.labels))
    with explained(path, "read"):
        size = sum(file.stat().st_size for file in (path / MODEL).rglob("*") if file.is_file())
    return Side(
        letter=letter,
        run=path.resolve().name,
        name=run.record["name"],
        accuracy=scores["accuracy"],
        f1=scores["f1"],
        timings=run.timings,
        model_bytes=size,
        findings=run.findings,
    )


def _letter(i: int) -> str:
    return chr(ord("A") + i) if i < 26 else f"run {i + 1}"  # noqa: PLR2004  # letters of the alphabet
