"""The pictures of a study's report: how the search went, and the score against each setting."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from clsfw.kit.text import clean
from clsfw.report.plots import FIRST, SECOND, SOFT, drawing, svg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from clsfw.report.markup import Html
    from clsfw.studies.content import TrialRecord

_MOST_NAMES = 8  # of choices below an axis; more would run into one another


def course(trials: Sequence[TrialRecord], metric: str, *, greater: bool) -> Html:
    """Draw the score of each trial in turn, and the best one so far of those that were trained to their end."""
    whole = [trial for trial in trials if trial["score"] is not None and trial["share"] == 1]
    parts = [trial for trial in trials if trial["score"] is not None and trial["share"] < 1]
    from matplotlib.ticker import MaxNLocator

    with drawing("search", 5.2, 2.9) as (figure, axes):
        best = list(accumulate((trial["score"] or 0.0 for trial in whole), max if greater else min))
        if best:  # to the last trial, or a single one that was trained to its end would have no line
            numbers = [trial["number"] for trial in whole] + [max(trial["number"] for trial in trials)]
            axes.step(numbers, [*best, best[-1]], where="post", color=SECOND, linewidth=1.6, label="best so far")
        _dots(axes, [trial["number"] for trial in whole], whole, {"color": FIRST, "label": "a trial"})
        if parts:
            look: Any = {"markerfacecolor": "none", "markeredgecolor": SOFT, "label": "stopped before its end"}
            _dots(axes, [trial["number"] for trial in parts], parts, look)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="trial", title=clean(f"validation {metric}"))
        figure.legend(loc="outside lower center", ncols=3)  # trials may be anywhere within
        return svg(figure, "search", f"Validation {metric} of each trial, and the best so far")


def against(name: str, trials: Sequence[TrialRecord], metric: str, *, within: Mapping[str, Any], number: int) -> Html:
    """Draw the score of each trial against one setting, whose range is `within`."""
    scored = [trial for trial in trials if trial["score"] is not None]
    values = [trial["values"][name] for trial in scored]
    title = f"setting{number}"
    with drawing(title, 3.4, 2.5) as (figure, axes):
        places: list[Any] = values
        if within.get("log"):
            axes.set_xscale("log")
            # matplotlib writes powers in a language of formulas, which the page does not read
            axes.xaxis.set_major_formatter(lambda at, _: f"{at:g}")
            axes.xaxis.set_minor_formatter(lambda *_: "")
        elif "choices" in within:
            names = [json.dumps(choice) for choice in within["choices"]]
            places = [names.index(json.dumps(value)) for value in values]
            axes.set_xticks(range(len(names)), [clean(told) for told in names] if len(names) <= _MOST_NAMES else [])
            axes.set_xlim(-0.5, len(names) - 0.5)
        for share, look in ((True, {"color": FIRST}), (False, {"markerfacecolor": "none", "markeredgecolor": SOFT})):
            shown = [i for i, trial in enumerate(scored) if (trial["share"] == 1) == share]
            _dots(axes, [places[i] for i in shown], [scored[i] for i in shown], look)
        axes.set(xlabel=clean(name), title=clean(f"validation {metric}"))
        return svg(figure, title, f"Validation {metric} of each trial against {name}")


def _dots(axes: Axes, places: Sequence[Any], trials: Sequence[TrialRecord], look: Mapping[str, Any]) -> None:
    scores: Any = [trial["score"] for trial in trials]
    axes.plot(places, scores, marker="o", linestyle="none", markersize=4, **look)
