"""The pictures of the report, with numbers on axes; those without are in `shapes`."""

from __future__ import annotations

from itertools import pairwise
from math import pi
from typing import TYPE_CHECKING

from clsfw.kit.text import clean
from clsfw.report.chart import FIRST, INK, SECOND, SOFT, Chart, Look
from clsfw.report.scale import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.evidence.metrics import Bin
    from clsfw.evidence.predictions import PredictionTable
    from clsfw.report.markup import Html
    from clsfw.report.scale import Scale

    Points = Sequence[tuple[float, float]]

WIDE, SQUARE = (374, 194), (245, 230)
"""Width and height of pictures, in units of which twelve are a rem."""
THIN = Look(SOFT, 1, "4 3")
"""A line to compare with."""
_MOST_POINTS = 300  # of a curve


def losses(steps: Mapping[str, Points]) -> Html:
    """Draw training and validation loss by step."""
    every = [point for points in steps.values() for point in points]
    chart = Chart("losses", WIDE, _steps(every), numbers(y for _, y in every), title="loss", below="step")
    # The second line is dashed, for eyes and printers that do not part the colours.
    for (name, points), look in zip(steps.items(), (Look(FIRST), Look(SECOND, dash="5 2")), strict=False):
        chart.line(points, look, label=name, dotted=True)
    return chart.svg("Training and validation loss by step")


def course(name: str, points: Points, published: Points) -> Html:
    """Draw a validation score by step, and the published values of it if there are any."""
    every = [*points, *published]
    title = clean(f"validation {name}")
    chart = Chart("course", WIDE, _steps(every), numbers(y for _, y in every), title=title, below="step")
    chart.line(points, Look(SECOND), label="this run" if published else "", dotted=True)
    chart.dots(published, Look(INK, shape="cross"), label="published")
    return chart.svg(f"Validation {name} by step")


def rates(points: Points) -> Html:
    """Draw the learning rate by step."""
    scale = numbers((y for _, y in points), low=0)
    chart = Chart("rates", WIDE, _steps(points), scale, title="learning rate", below="step")
    chart.line(points, Look(FIRST), dotted=True)
    return chart.svg("Learning rate by step")


def lengths(edges: Sequence[float], counts: Sequence[int], limit: float | None) -> Html:
    """Draw how many texts have how many tokens, and where the model stops reading."""
    tall = numbers([0, *counts], low=0, whole=True)
    chart = Chart("lengths", WIDE, numbers(edges, room=0.02), tall, title="texts", below="tokens")
    chart.bars([(a, b, 0, count) for (a, b), count in zip(pairwise(edges), counts, strict=True)], FIRST)
    if limit is not None and limit < edges[-1]:
        chart.mark(limit, f"cut at {limit:,.0f}", SECOND)
    return chart.svg("Histogram of text lengths in tokens")


def reliability(bins: Sequence[Bin]) -> Html:
    """Draw how often predictions of each confidence are right; on the diagonal a probability means what it says."""
    points = [(each["confidence"], each["accuracy"]) for each in bins]
    low, most = min(0.5, *(value for point in points for value in point)), max(each["rows"] for each in bins)
    scale = numbers([], low=low - 0.03, high=1.03)
    chart = Chart("reliability", SQUARE, scale, scale, title="share that is right", below="confidence")
    chart.line([(low, low), (1, 1)], THIN)
    chart.line(points, Look(FIRST, 1.2))
    # The area of a dot grows with its texts.
    chart.dots(points, Look(FIRST), radii=[((12 + 90 * each["rows"] / most) / pi) ** 0.5 for each in bins])
    return chart.svg("Reliability diagram: share of right predictions by confidence")


def confidences(bins: Sequence[Bin]) -> Html:
    """Draw how many answers have which confidence, right ones below and wrong ones on top."""
    right = [round(each["rows"] * each["accuracy"]) for each in bins]
    rows = [each["rows"] for each in bins]
    edges = [(each["low"], each["high"]) for each in bins]
    across = numbers((edge for both in edges for edge in both), room=0.03)
    chart = Chart(
        "confidences", SQUARE, across, numbers([0, *rows], low=0, whole=True), title="texts", below="confidence"
    )
    chart.bars([(*both, 0, count) for both, count in zip(edges, right, strict=True)], FIRST, label="right")
    chart.bars([(*both, a, b) for both, a, b in zip(edges, right, rows, strict=True)], SECOND, label="wrong")
    return chart.svg(f"Histogram of confidence: {sum(right):,} right and {sum(rows) - sum(right):,} wrong")


def curves(table: PredictionTable) -> tuple[Html, Html] | None:
    """Draw the ROC and the precision-recall curve of the second of two classes; None where one class has no rows."""
    import numpy as np

    true, score = table.references == 1, table.probabilities[:, 1]
    if table.references.ndim > 1 or true.all() or not true.any():
        return None
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.diff(score[order], append=-1.0))  # the last row of each score: equal scores go together
    hits, said = np.cumsum(true[order])[last], last + 1
    kept = np.unique(np.linspace(0, len(last) - 1, _MOST_POINTS).astype(int))
    recall, precision = hits[kept] / true.sum(), hits[kept] / said[kept]
    false_alarms = (said - hits)[kept] / (~true).sum()
    name = clean(table.labels[1])
    whole = numbers([0, 1])
    roc = Chart("roc", SQUARE, whole, whole, title=f"ROC: true positive rate of {name}", below="false positive rate")
    roc.line([(0, 0), (1, 1)], THIN)
    roc.line([(0, 0), *zip(false_alarms.tolist(), recall.tolist(), strict=True)], Look(FIRST))
    tall = numbers([], low=min(0.5, *precision.tolist()) - 0.02, high=1.02)
    pr = Chart("pr", SQUARE, whole, tall, title=f"precision of {name}", below="recall")
    share = float(true.mean())
    pr.line([(0, share), (1, share)], THIN)
    pr.line(zip(recall.tolist(), precision.tolist(), strict=True), Look(FIRST))
    return roc.svg(f"ROC curve of {name}"), pr.svg(f"Precision-recall curve of {name}")


def _steps(points: Points) -> Scale:
    return numbers((x for x, _ in points), whole=True)
