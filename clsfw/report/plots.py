"""The pictures of the report: drawn by matplotlib, put into the page as SVG, and coloured by the page's own style.

Each figure is drawn with placeholder colours that are then replaced by CSS: axes and text take the colour of the text
around them, series the page's variables, so one picture serves light, dark and paper. Same numbers, same bytes.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from clsfw.kit.text import clean
from clsfw.report.markup import Html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from clsfw.evidence.metrics import Bin
    from clsfw.evidence.predictions import PredictionTable

INK, FIRST, SECOND, PAGE, SOFT = "#010101", "#010102", "#010103", "#010104", "#010105"
_CSS = {
    INK: "currentColor",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    PAGE: "var(--page)",
    SOFT: "var(--soft)",
}
_FEW_POINTS = 30  # more would run into one another
_MOST_POINTS = 300  # of a curve

_STYLE = {
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.titlesize": 10,
    "axes.titleweight": "normal",
    "axes.titlelocation": "left",
    "figure.facecolor": "none",
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
}


def losses(steps: Mapping[str, Sequence[tuple[float, float]]]) -> Html:
    """Draw training and validation loss by step."""
    with drawing("losses", 5.2, 2.7) as (figure, axes):
        # The second line is dashed, for eyes and printers that do not part the colours.
        for (name, points), colour, dash in zip(steps.items(), (FIRST, SECOND), ("-", (0, (5, 2))), strict=False):
            marker = "o" if len(points) <= _FEW_POINTS else ""
            look: Any = {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.6, "linestyle": dash}
            axes.plot(*_columns(points), **look, label=name)
        axes.set(xlabel="step", title="loss")
        axes.legend()
        return svg(figure, "losses", "Training and validation loss by step")


def course(name: str, points: Sequence[tuple[float, float]], published: Sequence[tuple[float, float]]) -> Html:
    """Draw a validation score by step, and the published values of it if there are any."""
    with drawing("course", 5.2, 2.7) as (figure, axes):
        axes.plot(*_columns(points), color=SECOND, marker="o", markersize=3.5, linewidth=1.6, label="this run")
        if published:
            axes.plot(*_columns(published), color=INK, marker="x", linestyle="none", markersize=5, label="published")
            axes.legend()
        axes.set(xlabel="step", title=clean(f"validation {name}"))
        return svg(figure, "course", f"Validation {name} by step")


def rates(points: Sequence[tuple[float, float]]) -> Html:
    """Draw the learning rate by step."""
    with drawing("rates", 5.2, 2.7) as (figure, axes):
        axes.plot(*_columns(points), color=FIRST, linewidth=1.6, marker="o" if len(points) <= _FEW_POINTS else "")
        axes.set(xlabel="step", title="learning rate", ylim=(0, None))
        return svg(figure, "rates", "Learning rate by step")


def lengths(edges: Sequence[float], counts: Sequence[int], limit: float | None) -> Html:
    """Draw how many texts have how many tokens, and where the model stops reading."""
    from matplotlib.ticker import MaxNLocator

    with drawing("lengths", 5.2, 2.7) as (figure, axes):
        axes.bar(edges[:-1], counts, [b - a for a, b in pairwise(edges)], align="edge", color=FIRST)
        if limit is not None and limit < edges[-1]:
            axes.axvline(limit, color=SECOND, linewidth=1.4)
            place = (limit, 0.97)
            axes.annotate(f" cut at {limit:,.0f}", place, xycoords=axes.get_xaxis_transform(), color=SECOND, va="top")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="tokens", title="texts")
        return svg(figure, "lengths", "Histogram of text lengths in tokens")


def reliability(bins: Sequence[Bin]) -> Html:
    """Draw how often predictions of each confidence are right; on the diagonal a probability means what it says."""
    with drawing("reliability", 3.4, 3.2) as (figure, axes):
        confidence, accuracy = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
        low, most = min(0.5, *confidence, *accuracy), max(b["rows"] for b in bins)
        axes.plot([low, 1], [low, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(confidence, accuracy, color=FIRST, linewidth=1.2)
        axes.scatter(confidence, accuracy, s=[12 + 90 * b["rows"] / most for b in bins], color=FIRST, linewidth=0)
        axes.set(xlabel="confidence", title="share that is right", xlim=(low - 0.03, 1.03), ylim=(low - 0.03, 1.03))
        return svg(figure, "reliability", "Reliability diagram: share of right predictions by confidence")


def confidences(bins: Sequence[Bin]) -> Html:
    """Draw how many answers have which confidence, right ones below and wrong ones on top."""
    right = [round(b["rows"] * b["accuracy"]) for b in bins]
    wrong = [b["rows"] - count for b, count in zip(bins, right, strict=True)]
    low, width = [b["low"] for b in bins], [b["high"] - b["low"] for b in bins]
    with drawing("confidences", 3.4, 3.2) as (figure, axes):
        edge: Any = {"align": "edge", "edgecolor": PAGE, "linewidth": 0.8}
        axes.bar(low, right, width, color=FIRST, label="right", **edge)
        axes.bar(low, wrong, width, bottom=right, color=SECOND, hatch="////", label="wrong", **edge)
        axes.set(xlabel="confidence", title="texts")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)  # bars may be anywhere below
        return svg(figure, "confidences", f"Histogram of confidence: {sum(right):,} right and {sum(wrong):,} wrong")


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
    with drawing("roc", 3.4, 3.2) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot([0, *false_alarms], [0, *recall], color=FIRST, linewidth=1.6)
        axes.set(xlabel="false positive rate", title=f"ROC: true positive rate of {name}")
        roc = svg(figure, "roc", f"ROC curve of {name}")
    with drawing("pr", 3.4, 3.2) as (figure, axes):
        axes.axhline(true.mean(), color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(recall, precision, color=FIRST, linewidth=1.6)
        axes.set(xlabel="recall", title=f"precision of {name}", ylim=(min(0.5, *precision) - 0.02, 1.02))
        return roc, svg(figure, "pr", f"Precision-recall curve of {name}")


@contextmanager
def drawing(name: str, width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """Return an empty figure of so many inches; the style holds for all that is drawn within."""
    from matplotlib import style
    from matplotlib.figure import Figure

    # The salt makes the ids of one figure unlike those of the others on the page, and the same in every run; the reset
    # keeps a user's own matplotlibrc out.
    rc: Any = {**_STYLE, "svg.hashsalt": name}
    with warnings.catch_warnings(), style.context(rc, after_reset=True):
        # Names in scripts that matplotlib's own font lacks are drawn by the browser's fonts, since text stays text.
        warnings.simplefilter("ignore", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def svg(figure: Figure, name: str, told: str) -> Html:
    """Return a figure as a part of the page; `told` says in words what it shows."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Html(_inline(out.getvalue(), name, told))


def _inline(svg: str, name: str, told: str) -> str:
    """Make a part of the page out of a file: no XML head, ids of its own, the page's colours and fonts."""
    box = re.search(r'viewBox="([^"]+)"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r"font: ([^;\"]*?)([\d.]+px) [^;\"]+", r"font: \1\2 system-ui, sans-serif", body)
    for stand_in, colour in _CSS.items():
        body = body.replace(stand_in, colour)
    width = float(box.group(1).split()[2]) if box else 400.0
    return (
        f'<svg role="img" aria-label="{html.escape(clean(told), quote=True)}" viewBox="{box.group(1) if box else ""}" '
        f'style="max-width: {width / 72 * 6:.1f}rem">{body}'
    )


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
