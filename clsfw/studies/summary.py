"""What a study came to, on a terminal: the verdict first, then each score over the seeds."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from clsfw.report.terminal import bold, dim, link, typed
from clsfw.studies.content import RESULT, RUNS

if TYPE_CHECKING:
    from clsfw.report.terminal import Screen
    from clsfw.studies.content import FinishedStudy, Spread, StudyVerdict

_TONES = {"REPRODUCED": "green", "NOT REPRODUCED": "red", "NOT COMPARABLE": "yellow"}


def summarize(screen: Screen, study: FinishedStudy) -> None:
    """Write the summary of a complete study."""
    runs = study.record["runs"]
    screen.line()
    screen.line(bold(study.record["name"]), dim(f"  {len(runs)} seeds: {', '.join(str(run['seed']) for run in runs)}"))
    if study.verdict is not None:
        _verdict(screen, study.verdict, len(runs))
    for split, scores in study.scores.items():
        screen.line(bold(split), dim(f"  mean over {len(runs)} seeds, with the 95 % interval of that mean"))
        rows = [_row(name, spread) for name, spread in scores.items()]
        screen.table(["", "mean", "95 %", "std", "lowest", "highest"], rows, "<>>>>>")
    if all(spread["std"] == 0 for scores in study.scores.values() for spread in scores.values()):
        screen.line("every seed gives the same scores: nothing in this recipe hangs on the seed")
    screen.line()
    screen.line(dim("study:  "), link(study.directory / RESULT))
    first = study.directory / RUNS / runs[0]["run"]
    screen.line(dim("next:   "), typed(f'clsfw predict {quote(str(first))} "a text of your own"'))


def _row(name: str, spread: Spread) -> list[str]:
    low, high = spread["interval"]
    values = spread["values"]
    numbers = (spread["std"], min(values), max(values))
    return [name, f"{spread['mean']:.4f}", f"{low:.4f} to {high:.4f}", *(f"{number:.4f}" for number in numbers)]


def _verdict(screen: Screen, verdict: StudyVerdict, seeds: int) -> None:
    """Say whether the mean reached what was expected, and how many single seeds would have."""
    alone = round(verdict["passed"] * seeds)
    source = f"  ({verdict['source']})" if verdict["source"] else ""
    badge = screen.badge(verdict["status"], _TONES[verdict["status"]])
    screen.line(badge, f" by the mean of {seeds} seeds; {alone} of {seeds} alone would have passed", dim(source))
    for reason in verdict["reasons"]:
        screen.line(reason, indent=2)
    for check in verdict["checks"]:
        found = "none" if check["found"] is None else f"{check['found']:.4f}"
        held = "within" if check["held"] else "not within"
        words = f"{check['what']}: {found}, {held} {check['tolerance']:g} of {check['expected']:g}"
        screen.line(f"{words}; {round(check['passed'] * seeds)} of {seeds} seeds", indent=2)
    screen.line()
