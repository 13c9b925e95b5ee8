"""A finished run as a notebook shows it: the verdict, the headline and a bar for each score; and its whole report."""

from __future__ import annotations

import sys
import webbrowser
from typing import TYPE_CHECKING

from clsfw.report.facts import title
from clsfw.report.markup import Html, percent, tag

if TYPE_CHECKING:
    from clsfw.evidence.finished import FinishedRun

_TONES = {"REPRODUCED": "#2a8a4f", "NOT REPRODUCED": "#d0443a", "NOT COMPARABLE": "#b07d1a"}
_FRAME = "width: 100%; height: 40rem; border: 1px solid #8888"


def card(run: FinishedRun) -> str:
    """Return the HTML of a run's card; it has styles of its own, since a notebook has no place for a style sheet."""
    split, limits = run.split, run.metrics["intervals"][run.split]
    parts = [tag("strong", run.record["name"])]
    if run.verdict is not None:
        status = run.verdict["status"]
        parts.append(tag("strong", f" {status}", style=f"color: {_TONES[status]}"))
    if "accuracy" in run.scores:
        words = f"{percent(run.scores['accuracy'])} of {run.metrics['rows'][split]:,} {split} texts are right"
        if "accuracy" in limits:
            low, high = limits["accuracy"]
            words += f" (95 % confidence interval {percent(low)} to {percent(high)})"
        parts.append(tag("p", words))
    rows = [
        tag("tr", tag("td", title(name, limits)), tag("td", f"{value:.4f}"), tag("td", _bar(value)))
        for name, value in run.scores.items()
    ]
    parts += [tag("table", *rows), *(tag("p", f"{found.seen}; {found.remedy}.") for found in run.findings)]
    return tag("div", *parts).text


def _bar(value: float) -> Html:
    share = f"width: {100 * min(1.0, max(0.0, value)):.1f}%; height: .7em; background: #4a85d8"
    return tag("div", tag("div", style=share), style="width: 12em; background: #8883")


def in_notebook() -> bool:
    """Return whether this is a cell of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def show(run: FinishedRun) -> None:
    """Show the report of a run: within a notebook, and elsewhere in the browser."""
    report = run.directory / "report.html"
    if not in_notebook():
        webbrowser.open(report.absolute().as_uri())
        return
    from IPython.display import HTML, display

    frame = tag("iframe", srcdoc=report.read_text(encoding="utf-8"), style=_FRAME, title="report")
    display(HTML(frame.text))
