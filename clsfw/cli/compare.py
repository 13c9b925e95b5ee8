"""`clsfw compare`: which of several runs or studies is better on the same test rows, and whether that could be luck."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from clsfw.evidence.comparison import Comparison, Pair, Side
    from clsfw.report.terminal import Line, Screen
    from clsfw.studies.comparing import StudyComparison, StudyPair, StudySide

HELP = "compare complete runs or studies on the same test rows: paired tests, and one plain sentence"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="directories of runs or studies, two or more")
    parser.add_argument("--json", action="store_true", help="print a JSON object on standard output")


def main(args: argparse.Namespace) -> int:
    """Print the comparison."""
    from clsfw.cli.streams import outcome
    from clsfw.evidence.comparison import Comparison
    from clsfw.studies.comparing import compare_any

    comparison = compare_any(_complete(args.runs))
    if args.json:
        sys.stdout.write(json.dumps(comparison.to_json(), indent=2) + "\n")
        return 0
    with outcome() as screen:
        if isinstance(comparison, Comparison):
            _show(screen, comparison)
        else:
            _show_studies(screen, comparison)
    return 0


def _complete(runs: Sequence[str]) -> list[str]:
    """Leave out what is not complete, and name it; where fewer than two are left, all are returned, to be refused."""
    from pathlib import Path

    from clsfw.errors import RunDirectoryError
    from clsfw.report.terminal import Screen, doubtful
    from clsfw.store.rundir import read_run
    from clsfw.studies.comparing import is_study
    from clsfw.studies.content import FinishedStudy

    kept, skipped = [], []
    for run in runs:
        try:
            if is_study(run):
                FinishedStudy.read(run)
            else:
                read_run(Path(run).expanduser(), verify=False)
            kept.append(run)
        except RunDirectoryError as exc:
            skipped.append((run, str(exc)))
    if len(kept) < min(2, len(runs)):
        return list(runs)
    screen = Screen(sys.stderr)
    for run, why in skipped:
        screen.line(doubtful("clsfw: skipped "), f"{run}: {why}")
    return kept


def _show(screen: Screen, comparison: Comparison) -> None:
    from clsfw.report.summary import finding_words
    from clsfw.report.terminal import bold, dim

    screen.line(f"{comparison.pairs[0].rows:,} test rows, the same for all runs")
    screen.line()
    for side in comparison.sides:
        screen.line(bold(side.letter), f"  {side.run}")
    screen.line()
    head = ["", "accuracy", "macro F1", "training", "prediction", "in all", "model"]
    rows = [_row(side) for side in comparison.sides]
    screen.table(head, rows, "<>>>>>>", indent=0)
    several = len(comparison.pairs) > 1
    for pair in comparison.pairs:
        a, b = pair.a.letter, pair.b.letter
        screen.line()
        screen.line(*((f"{a} and {b}: ",) if several else ()), bold(pair.sentence))
        for line in _pair(pair, several=several):
            screen.line(dim(line), indent=2)
    told = [(side.letter, finding) for side in comparison.sides for finding in side.findings]
    if told:
        screen.line()
    for letter, finding in told:
        screen.line(bold(letter), "  ", *finding_words(finding))


def _row(side: Side) -> list[Line]:
    seconds = [_seconds(side, name) for name in ("train_seconds", "predict_seconds", "total_seconds")]
    return [side.letter, f"{side.accuracy:.4f}", f"{side.f1:.4f}", *seconds, _bytes(side)]


def _pair(pair: Pair, *, several: bool) -> Iterator[str]:
    a, b = pair.a.letter, pair.b.letter
    yield (
        f"only {a} right {pair.only_a_right:,}, only {b} right {pair.only_b_right:,}, "
        f"both right {pair.both_right:,}, both wrong {pair.both_wrong:,}"
    )
    low, high = pair.f1_interval
    yield f"macro F1: {a} less {b} is {pair.f1_difference:+.4f} (95 % {low:+.4f} to {high:+.4f})"
    corrected = f" ({pair.corrected_p:.3g} corrected for the number of pairs)" if several else ""
    yield f"McNemar p = {pair.mcnemar_p:.3g}{corrected}, bootstrap p = {pair.bootstrap_p:.3g}"
    if pair.cut_sentence is not None:
        yield pair.cut_sentence


def _seconds(side: Side, name: str) -> str:
    return f"{side.timings[name]:,.1f} s" if name in side.timings else "-"


def _bytes(side: Side) -> str:
    return f"{side.model_bytes / 1e6:,.1f} MB"


def _show_studies(screen: Screen, comparison: StudyComparison) -> None:
    from clsfw.report.terminal import bold, dim

    screen.line(f"{comparison.pairs[0].rows:,} test rows, the same for all")
    screen.line()
    for side in comparison.sides:
        screen.line(bold(side.letter), f"  {side.run}", dim(f"  {side.values}"))
    screen.line()
    screen.table(["", "seeds", "accuracy", "std", "macro F1", "std"], [*map(_study_row, comparison.sides)], "<>>>>>")
    several = len(comparison.pairs) > 1
    for pair in comparison.pairs:
        screen.line()
        screen.line(*((f"{pair.a.letter} and {pair.b.letter}: ",) if several else ()), bold(pair.sentence))
        for line in _study_pair(pair, several=several):
            screen.line(dim(line), indent=2)


def _study_row(side: StudySide) -> list[Line]:
    from statistics import mean, stdev

    cells: list[Line] = [side.letter, str(len(side.accuracy))]
    for values in (side.accuracy, side.f1):
        cells += [f"{mean(values):.4f}", f"{stdev(values):.4f}" if len(values) > 1 else "-"]
    return cells


def _study_pair(pair: StudyPair, *, several: bool) -> Iterator[str]:
    a, b = pair.a.letter, pair.b.letter
    low, high = pair.f1_interval
    yield f"macro F1: {a} less {b} is {pair.f1_difference:+.4f} (95 % {low:+.4f} to {high:+.4f})"
    corrected = f" ({pair.corrected_p:.3g} corrected for the number of pairs)" if several else ""
    yield f"over seeds and rows p = {pair.p:.3g}{corrected}, bootstrap p = {pair.bootstrap_p:.3g}"
    seeds, rows = (100 * error for error in (pair.error_of_seeds, pair.error_of_rows))
    yield f"standard error: {seeds:.2f} points by the luck of seeds, {rows:.2f} by that of test rows"
    yield _needed(pair)
    singles = len(pair.a.accuracy) * len(pair.b.accuracy)
    yield (
        f"of {singles} pairs of single runs, McNemar's test would have called {a} better in {pair.single_a} "
        f"and {b} in {pair.single_b}"
    )


def _needed(pair: StudyPair) -> str:
    """Say how many more seeds each side needs to see half a point."""
    if pair.seeds_needed is None:
        return "no number of seeds shows half a point on so few test rows; more rows are needed"
    more = {side.letter: pair.seeds_needed - len(side.accuracy) for side in (pair.a, pair.b)}
    words = " and ".join(f"{count} more of {letter}" for letter, count in more.items() if count > 0)
    if not words:
        return "the seeds are enough to see half a point, in four of five such comparisons"
    return f"to see half a point in four of five such comparisons: {pair.seeds_needed} seeds each, {words}"
