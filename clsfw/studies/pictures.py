"""The pictures of a study's report: how the search went, and the score against each setting."""

from __future__ import annotations

import json
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from clsfw.kit.text import clean
from clsfw.report.chart import FIRST, SECOND, SOFT, Chart, Look
from clsfw.report.plots import WIDE
from clsfw.report.scale import factors, names, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.report.markup import Html
    from clsfw.studies.content import TrialRecord

_MOST_NAMES = 8  # of choices below an axis; more would run into one another
_SMALL = (245, 180)
_WHOLE, _STOPPED = Look(FIRST), Look(SOFT, shape="ring")


def course(trials: Sequence[TrialRecord], metric: str, *, greater: bool) -> Html:
    """Draw the score of each trial in turn, and the best one so far of those that were trained to their end."""
    whole = [
        (trial["number"], trial["score"]) for trial in trials if trial["score"] is not None and trial["share"] == 1
    ]
    parts = [(trial["number"], trial["score"]) for trial in trials if trial["score"] is not None and trial["share"] < 1]
    last = max(trial["number"] for trial in trials)
    across = numbers([number for number, _ in [*whole, *parts]] + [last], whole=True)
    title = clean(f"validation {metric}")
    chart = Chart("search", WIDE, across, numbers(score for _, score in [*whole, *parts]), title=title, below="trial")
    best = list(accumulate((score for _, score in whole), max if greater else min))
    # To the last trial, or a single one that was trained to its end would have no line.
    ends = pairwise([*(number for number, _ in whole), last])
    steps = [(at, score) for both, score in zip(ends, best, strict=True) for at in both]
    chart.line(steps, Look(SECOND), label="best so far")
    chart.dots(whole, _WHOLE, label="a trial")
    chart.dots(parts, _STOPPED, label="stopped before its end")
    return chart.svg(f"Validation {metric} of each trial, and the best so far")


def against(name: str, trials: Sequence[TrialRecord], metric: str, *, within: Mapping[str, Any], number: int) -> Html:
    """Draw the score of each trial against one setting, whose range is `within`."""
    scored = [(trial, trial["score"]) for trial in trials if trial["score"] is not None]
    values: list[Any] = [trial["values"][name] for trial, _ in scored]
    if "choices" in within:
        choices = [json.dumps(choice) for choice in within["choices"]]
        values = [choices.index(json.dumps(value)) for value in values]
        across = names([clean(told) for told in choices] if len(choices) <= _MOST_NAMES else [""] * len(choices))
    else:
        across = factors(values) if within.get("log") else numbers(values)
    tall = numbers(score for _, score in scored)
    chart = Chart(f"setting{number}", _SMALL, across, tall, title=clean(f"validation {metric}"), below=clean(name))
    for whole, look in ((True, _WHOLE), (False, _STOPPED)):
        shown = zip(values, scored, strict=True)
        chart.dots([(at, score) for at, (trial, score) in shown if (trial["share"] == 1) == whole], look)
    return chart.svg(f"Validation {metric} of each trial against {name}")
