"""What a run came to, on a terminal: the verdict first, the scores with their limits, and what to look at."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from clsfw.evidence.metrics import scores_by_split, square_matrix
from clsfw.report.facts import title, unit
from clsfw.report.live import duration
from clsfw.report.terminal import Span, bad, bold, dim, doubtful, link, typed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.evidence.content import VerdictRecord
    from clsfw.evidence.findings import Finding
    from clsfw.evidence.finished import FinishedRun
    from clsfw.evidence.metrics import ClassScores, Metrics
    from clsfw.report.terminal import Line, Screen, Words

MOST_CLASSES = 12
"""The scores by class of more classes are left to the HTML report."""

_MOST_CELLS = 4  # classes of a confusion matrix that is shown
_WEAKEST = 3  # classes that are named where there are too many to list
_MOST_REASONS = 8  # why a run cannot be compared with what was published
_STRIP = 24  # columns of an interval's picture
_TONES = {"REPRODUCED": "green", "NOT REPRODUCED": "red", "NOT COMPARABLE": "yellow"}


def summarize(screen: Screen, run: FinishedRun) -> None:
    """Write the summary of a complete run."""
    screen.line()
    _when(screen, run)
    if run.verdict is not None:
        _verdict(screen, run.verdict)
    _findings(screen, [finding for finding in run.findings if finding.weight == "void"])
    show_scores(screen, run.metrics)
    _findings(screen, [finding for finding in run.findings if finding.weight != "void"])
    screen.line()
    place = _near(run.directory)
    screen.line(dim("report: "), link(place / "report.html"), dim("  (--open shows it)"))
    screen.line(dim("model:  "), link(place / "model"))
    screen.line(dim("next:   "), typed(next_command(run, place)))


def next_command(run: FinishedRun, place: Path) -> str:
    """Return the command that labels what is not labelled yet; pairs of texts come in files."""
    given = "--file new.csv" if run.record.get("data", {}).get("pairs") else '"a text of your own"'
    return f"clsfw predict {quote(str(place))} {given}"


def show_scores(screen: Screen, metrics: Metrics) -> None:
    """Write the scores of each split in a `metrics.json`, with limits, and those of its classes."""
    for split, scores in scores_by_split(metrics).items():
        _headline(screen, split, metrics)
        _scores(screen, scores, metrics["intervals"][split])
        _classes(screen, split, metrics)


def _when(screen: Screen, run: FinishedRun) -> None:
    words = f"  complete · started {run.record.get('started', '?')[:16].replace('T', ' ')} UTC"
    seconds = run.timings.get("total_seconds")
    if seconds is not None:
        words += f" · took {duration(seconds)}"
    screen.line(bold(run.record["name"]), dim(words if screen.unicode else words.replace(" ·", ",")))


def _verdict(screen: Screen, verdict: VerdictRecord) -> None:
    """Say first of all whether the published result was reached, and each number that was missed."""
    checks = verdict.get("checks", [])
    words = [""]
    if verdict["status"] == "REPRODUCED" and len(checks) == 1:
        words = [
            f" {check['what']} {check['found']:.4f}, expected {check['expected']:g} within {check['tolerance']:g}"
            for check in checks
        ]
    elif verdict["status"] == "REPRODUCED":
        words = [f" all {len(checks)} expected numbers"]
    elif verdict["status"] == "NOT REPRODUCED":
        words = [f" {len(verdict['misses'])} of {len(checks)} expected numbers were missed"]
    source = f"  ({verdict['source']})" if verdict["source"] else ""
    screen.line(screen.badge(verdict["status"], _TONES[verdict["status"]]), *words, dim(source))
    lines = _told(verdict["reasons"]) if verdict["status"] == "NOT COMPARABLE" else verdict["misses"]
    for line in lines:
        screen.line(line, indent=2)
    screen.line()


def _told(reasons: Sequence[str]) -> list[str]:
    """Leave out the settings of a part that is another one, and what is too much for a screen; the report has all."""
    others = {reason.partition(".")[0] for reason in reasons if reason.partition(":")[0].endswith(".use")}
    told = [r for r in reasons if r.partition(".")[0] not in others or r.partition(":")[0].endswith(".use")]
    told = told[:_MOST_REASONS]
    left = len(reasons) - len(told)
    return [*told, f"and {left:,} other difference{'s' if left > 1 else ''}, which the report lists"] if left else told


def _headline(screen: Screen, split: str, metrics: Metrics) -> None:
    """Say in one sentence how many texts are right, beside what always giving the largest class would reach."""
    rows, scores = metrics["rows"][split], scores_by_split(metrics)[split]
    limits, supports = metrics["intervals"][split].get("accuracy"), _supports(metrics, split)
    if limits is None or "accuracy" not in scores:
        screen.line(bold(f"{split}, {rows:,} rows"))
        return
    words = f" (95 %: {100 * limits[0]:.1f} to {100 * limits[1]:.1f}"
    if not metrics["multi_label"] and supports:
        words += f"; majority class {100 * max(supports) / max(1, sum(supports)):.1f}"
    right = f"{100 * scores['accuracy']:.1f} %"
    screen.line(bold(right), f" of {rows:,} {split} {unit(metrics)}s are right", dim(f"{words})"))


def _supports(metrics: Metrics, split: str) -> list[int]:
    return [row["support"] for row in metrics["classification_report"][split]["classes"].values()]


def _scores(screen: Screen, scores: Mapping[str, float], limits: Mapping[str, Sequence[float]]) -> None:
    drawn = [limits[name] for name in scores if name in limits]
    low, high = min((a for a, _ in drawn), default=0.0), max((b for _, b in drawn), default=1.0)
    rows: list[list[Line]] = []
    for name, value in scores.items():
        row: list[Line] = [title(name, limits), bold(f"{value:.4f}"), "", ""]
        if name in limits:
            first, last = limits[name]
            row[2] = dim(f"(95 %: {first:.4f} to {last:.4f})")
            if screen.unicode and screen.animated:
                row[3] = _strip(value, first, last, low, high)
        rows.append(row)
    screen.table([""] * 4, rows, "<><<")


def _strip(value: float, first: float, last: float, low: float, high: float) -> Span:
    """Draw an interval as a line with the score as a dot on it."""

    def at(number: float) -> int:
        return round((number - low) / max(high - low, 1e-9) * (_STRIP - 1))

    cells = [" "] * _STRIP
    cells[at(first) : at(last) + 1] = "─" * (at(last) + 1 - at(first))
    cells[at(first)], cells[at(last)] = "├", "┤"
    cells[min(max(at(value), 0), _STRIP - 1)] = "●"
    return Span("".join(cells), "dim")


def _classes(screen: Screen, split: str, metrics: Metrics) -> None:
    each = metrics["classification_report"][split]["classes"]
    screen.line()
    if len(each) > MOST_CLASSES:
        weakest = sorted(each, key=lambda name: (each[name]["f1"], name))[:_WEAKEST]
        named = ", ".join(f"{name} {each[name]['f1']:.2f}" for name in weakest)
        screen.line(dim(f"the weakest of {len(each)} classes by F1: "), named, indent=2)
        return
    matrix: Sequence[Sequence[int]] = square_matrix(metrics, split) or ()
    if len(each) > _MOST_CELLS:
        matrix = ()
    labels = list(each) if matrix else []
    head = ["true / predicted" if matrix else "class", *labels, "precision", "recall", "F1", "texts"]
    rows = [_class_row(i, name, each[name], matrix) for i, name in enumerate(each)]
    screen.table(head, rows, "<" + ">" * (len(labels) + 4))


def _class_row(i: int, name: str, scores: ClassScores, matrix: Sequence[Sequence[int]]) -> list[Line]:
    cells: list[Line] = []
    if matrix:
        most = max(matrix[i]) or 1
        cells = [Span(f"{count:,}", "bold" if count == most else "") for count in matrix[i]]
    numbers: list[Line] = [f"{scores['precision']:.4f}", f"{scores['recall']:.4f}", f"{scores['f1']:.4f}"]
    return [name, *cells, *numbers, dim(f"{scores['support']:,}")]


def _findings(screen: Screen, findings: Sequence[Finding]) -> None:
    """Say what is to be known beside the scores, with what fixes it; what makes them void is marked."""
    if findings:
        screen.line()
    for finding in findings:
        screen.line(*finding_words(finding))


def finding_words(finding: Finding) -> tuple[Words, ...]:
    """Return a finding with its weight in colour and what fixes it in bold; plain it is `str(finding)`."""
    tone = {"void": bad, "warning": doubtful, "note": dim}[finding.weight]
    before, seen, after = str(finding).partition(finding.seen)
    return tone(before), seen, after.removesuffix(finding.remedy), bold(finding.remedy)


def _near(path: Path) -> Path:
    """Return the path as it is typed from here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
