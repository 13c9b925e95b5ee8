"""The end-of-run summary: verdict, scores with their limits, confusion matrix, leaks, and where the files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clsfw.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.evidence.findings import Finding
    from clsfw.evidence.finished import FinishedRun

MOST_CLASSES = 12
"""A confusion matrix or report of more classes is left to the HTML report."""


def summarize(run: FinishedRun) -> str:
    """Return the summary as lines of plain text."""
    lines = ["", *score_lines(run.metrics), *_findings(run.findings), *_verdict(run.verdict)]
    place = clean(str(run.directory))
    lines += ["", f"report: {place}/report.html", f"model:  {place}/model"]
    return "\n".join(lines)


def score_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Return scores with limits, the report by class and the confusion matrix of each split in a `metrics.json`."""
    lines: list[str] = []
    for split in ("validation", "test", "train"):
        if split in metrics:
            lines += _scores(split, metrics)
            lines += _report(metrics["classification_report"][split])
            if not metrics["multi_label"]:
                lines += _confusion(metrics["labels"], metrics["confusion_matrix"][split])
    return lines


def _scores(split: str, metrics: Mapping[str, Any]) -> Iterator[str]:
    yield f"{split}, {metrics['rows'][split]:,} rows"
    limits = metrics["intervals"][split]
    width = max((len(clean(name)) for name in metrics[split]), default=0) + 2
    for name, value in metrics[split].items():
        between = f"   (95 %: {limits[name][0]:.4f} to {limits[name][1]:.4f})" if name in limits else ""
        yield f"  {clean(name):<{width}}{value:.4f}{between}"


def _report(report: Mapping[str, Any]) -> Iterator[str]:
    classes = report["classes"]
    if len(classes) > MOST_CLASSES:
        return
    width = max(len(clean(name)) for name in classes)
    yield ""
    yield f"  {'':<{width}}  precision    recall        f1   support"
    for name, row in classes.items():
        yield (
            f"  {clean(name):<{width}}  {row['precision']:>9.4f} {row['recall']:>9.4f} {row['f1']:>9.4f} "
            f"{row['support']:>9,}"
        )


def _confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Iterator[str]:
    if len(labels) > MOST_CLASSES:
        return
    names = [clean(label) for label in labels]
    width = max(len(name) for name in names)
    columns = [max(len(name), 7) for name in names]
    yield ""
    yield f"  {'true / predicted':<{max(width, 16)}}  " + "  ".join(
        f"{name:>{column}}" for name, column in zip(names, columns, strict=True)
    )
    for name, row in zip(names, matrix, strict=True):
        cells = "  ".join(f"{count:>{column},}" for count, column in zip(row, columns, strict=True))
        yield f"  {name:<{max(width, 16)}}  {cells}"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Say what is to be known beside the scores; what makes them void stands out."""
    for finding in findings:
        yield ""
        yield clean(str(finding))


def _verdict(verdict: Mapping[str, Any] | None) -> Iterator[str]:
    if verdict is None:
        return
    yield ""
    yield f"verdict: {verdict['status']}" + (f" ({clean(verdict['source'])})" if verdict["source"] else "")
    shown = verdict["reasons"] if verdict["status"] == "NOT COMPARABLE" else verdict["misses"]
    yield from (f"  {clean(line)}" for line in shown)
