"""Compares studies on the same test rows, one of which may be a single run: by the luck of seeds and that of rows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import UsageError
from clsfw.evidence.alignment import aligned, refuse_other_rows
from clsfw.evidence.compare import compare_runs
from clsfw.evidence.comparison import SIGNIFICANT, told
from clsfw.evidence.finished import FinishedRun
from clsfw.evidence.intervals import limits
from clsfw.evidence.significance import bootstrap_p, holm, mcnemar
from clsfw.studies.content import BEGUN, RESULT, FinishedStudy
from clsfw.studies.luck import crossed, resampled, seeds_needed, shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from clsfw.evidence.comparison import Comparison
    from clsfw.evidence.predictions import PredictionTable

    Floats = NDArray[np.float64]

HALF_A_POINT = 0.005


@dataclass(frozen=True)
class StudySide:
    """One of the studies, or a single run: its scores of each seed, and whose values they are."""

    letter: str
    run: str
    name: str
    values: str
    accuracy: tuple[float, ...]
    f1: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the side as plain values."""
        return {**vars(self), "accuracy": list(self.accuracy), "f1": list(self.f1)}


@dataclass(frozen=True)
class StudyPair:
    """Two of them on the same rows; differences are those of the first less the second, as shares of 1.

    `p` and `error_of_seeds`, `error_of_rows` come of the variance over seeds and rows, the intervals and
    `bootstrap_p` of a bootstrap over both. `seeds_needed` is how many seeds each side needs to see half a point in
    four of five comparisons; None where the test rows are too few for any number. Of all pairs of single runs,
    `single_a` and `single_b` are those that McNemar's test would have called better.
    """

    a: StudySide
    b: StudySide
    rows: int
    difference: float
    interval: tuple[float, float]
    p: float
    corrected_p: float
    bootstrap_p: float
    error_of_seeds: float
    error_of_rows: float
    seeds_needed: int | None
    f1_difference: float
    f1_interval: tuple[float, float]
    single_a: int
    single_b: int

    @property
    def better(self) -> StudySide | None:
        """The better one, or None where luck may explain the difference."""
        if self.corrected_p >= SIGNIFICANT:
            return None
        return self.a if self.difference > 0 else self.b

    @property
    def sentence(self) -> str:
        """Say the result in one plain sentence; points are hundredths of the accuracy."""
        return told(self.a.letter, self.b.letter, self.difference, self.interval, self.corrected_p)

    def to_json(self) -> dict[str, Any]:
        """Return the pair as plain values."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        better = self.better.letter if self.better else None
        return {**values, "a": self.a.letter, "b": self.b.letter, "better": better, "sentence": self.sentence}


@dataclass(frozen=True, repr=False)
class StudyComparison:
    """All studies of a comparison, and every pair of them."""

    sides: tuple[StudySide, ...]
    pairs: tuple[StudyPair, ...]

    def __repr__(self) -> str:
        """Return one line."""
        names = ", ".join(side.run for side in self.sides)
        return f"<StudyComparison of {names}: {'; '.join(self.sentence.splitlines())}>"

    def _repr_html_(self) -> str:
        """Return the result in words, and each study with its mean accuracy, for a notebook."""
        rows = "".join(
            f"<tr><td>{side.letter}</td><td>{escape(side.run)}</td><td>{np.mean(side.accuracy):.4f}</td></tr>"
            for side in self.sides
        )
        words = "".join(f"<p><strong>{escape(pair.sentence)}</strong></p>" for pair in self.pairs)
        return f"{words}<table><tr><th></th><th>study</th><th>accuracy</th></tr>{rows}</table>"

    @property
    def sentence(self) -> str:
        """The result in plain words, one line for each pair."""
        return "\n".join(pair.sentence for pair in self.pairs)

    @property
    def pair(self) -> StudyPair:
        """The only pair of two.

        Raises:
            UsageError: more than two were compared.

        """
        if len(self.pairs) != 1:
            raise UsageError(f"a comparison of {len(self.sides)} has {len(self.pairs)} pairs; look at `pairs`")
        return self.pairs[0]

    @property
    def difference(self) -> float:
        """Of two: the mean accuracy of the first less that of the second."""
        return self.pair.difference

    @property
    def interval(self) -> tuple[float, float]:
        """Of two: the 95 % limits of the difference."""
        return self.pair.interval

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"runs": [side.to_json() for side in self.sides], "pairs": [pair.to_json() for pair in self.pairs]}


def is_study(directory: str | Path) -> bool:
    """Return whether a directory is that of a study, complete or not; one that may not be entered is not."""
    path = Path(directory).expanduser()
    return any(os.path.isfile(path / name) for name in (RESULT, BEGUN))  # noqa: PTH113  # Path's raises PermissionError


def compare_any(directories: Sequence[str | Path]) -> Comparison | StudyComparison:
    """Compare runs, or where any of them is a study, studies.

    Raises:
        ClsfwError: as for `compare_runs` and `compare_studies`.

    """
    return (compare_studies if any(map(is_study, directories)) else compare_runs)(directories)


def compare_studies(directories: Sequence[str | Path]) -> StudyComparison:
    """Compare two or more complete studies, of which one may be a single run.

    Raises:
        UsageError: one is given twice, a run is one of a study's own, two are single runs, or the test rows differ.
        RunDirectoryError: a directory holds nothing complete, or a file of it was changed.

    """
    paths = [Path(directory).expanduser() for directory in directories]
    _check(paths)
    tables: list[list[PredictionTable]] = []
    sides: list[StudySide] = []
    for i, path in enumerate(paths):
        name, values, runs = _read(path)
        own = [run.predictions for run in runs]
        first = tables[0][0] if tables else own[0]
        for table in own:
            refuse_other_rows(paths[0], first, path, table)
        tables.append([aligned(first, table) for table in own])
        letter = chr(ord("A") + i) if i < 26 else f"study {i + 1}"  # noqa: PLR2004  # letters of the alphabet
        scores = {score: tuple(float(v.mean()) for v in _values(tables[i], score)) for score in ("accuracy", "f1")}
        sides.append(StudySide(letter, path.resolve().name, name, values, **scores))
    entries = list(combinations(zip(sides, tables, strict=True), 2))
    found = [crossed(_values(a[1], "accuracy"), _values(b[1], "accuracy")).p for a, b in entries]
    return StudyComparison(tuple(sides), tuple(_pair(a, b, p) for (a, b), p in zip(entries, holm(found), strict=True)))


def _check(paths: Sequence[Path]) -> None:
    resolved = [path.resolve() for path in paths]
    if len(paths) < 2:  # noqa: PLR2004  # two sides
        raise UsageError("a comparison takes at least two directories of runs or studies")
    for i, path in enumerate(resolved):
        if path in resolved[:i]:
            raise UsageError(f"{paths[i]} is given twice; a study does not differ from itself")
    single = [path for path in paths if not is_study(path)]
    if len(single) > 1:
        raise UsageError(
            f"{single[0]} and {single[1]} are single runs; beside a study give one of them, or compare runs alone"
        )
    for run in single:
        home = next((paths[i] for i, path in enumerate(resolved) if path in run.resolve().parents), None)
        if home is not None:
            raise UsageError(f"{run} is a run of {home}; a study does not differ from its own runs")


def _read(path: Path) -> tuple[str, str, Sequence[FinishedRun]]:
    """Return the name, whose values are compared, and the runs: of a study with a search those of the chosen ones."""
    if not is_study(path):
        run = FinishedRun.read(path)
        return run.record["name"], "a single run", [run]
    study = FinishedStudy.read(path)
    which = study.record["runs"][0]["values"]
    of_which = {given["run"] for given in study.record["runs"] if given["values"] == which}
    runs = [run for run in study.runs if run.directory.name in of_which]
    return study.record["name"], f"{which} values", runs


def _values(tables: Sequence[PredictionTable], score: str) -> Floats:
    return np.stack([shares(table, score) for table in tables])


def _pair(
    a: tuple[StudySide, list[PredictionTable]], b: tuple[StudySide, list[PredictionTable]], corrected: float
) -> StudyPair:
    (side_a, tables_a), (side_b, tables_b) = a, b
    right_a, right_b = _values(tables_a, "accuracy"), _values(tables_b, "accuracy")
    f1_a, f1_b = _values(tables_a, "f1"), _values(tables_b, "f1")
    luck, f1_luck = crossed(right_a, right_b), crossed(f1_a, f1_b)
    draws = resampled(right_a, right_b, luck)
    (low, high), (f1_low, f1_high) = limits(draws), limits(resampled(f1_a, f1_b, f1_luck))
    only = [(int((x > y).sum()), int((y > x).sum())) for x, y in product(right_a, right_b)]
    called = [x > y for x, y in only if mcnemar(x, y) < SIGNIFICANT]
    return StudyPair(
        a=side_a,
        b=side_b,
        rows=right_a.shape[1],
        difference=luck.mean,
        interval=(low, high),
        p=luck.p,
        corrected_p=corrected,
        bootstrap_p=bootstrap_p(draws),
        error_of_seeds=luck.seeds,
        error_of_rows=luck.rows,
        seeds_needed=seeds_needed(luck, HALF_A_POINT),
        f1_difference=f1_luck.mean,
        f1_interval=(f1_low, f1_high),
        single_a=sum(called),
        single_b=len(called) - sum(called),
    )
