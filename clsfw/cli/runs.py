"""`clsfw runs`: the runs of a folder, with their scores, age and size."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clsfw.report.terminal import Span, bad, bold, dim, doubtful, good, link

if TYPE_CHECKING:
    import argparse

    from clsfw.evidence.listing import ListedRun
    from clsfw.report.terminal import Line

HELP = "list runs, the latest first: state, scores with their limits, data, model, age and size"

_STATES = {"complete": good, "interrupted": doubtful, "killed": doubtful, "failed": bad, "broken": bad}
_AGES = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("folder", metavar="DIR", nargs="?", default="runs", help="a run, or a folder of runs (runs)")
    parser.add_argument("--json", action="store_true", help="print a JSON list on standard output")


def main(args: argparse.Namespace) -> int:
    """List the runs."""
    from pathlib import Path

    from clsfw.cli.streams import outcome
    from clsfw.evidence.listing import find_runs
    from clsfw.kit.text import json_text

    runs = find_runs(Path(args.folder))
    if args.json:
        sys.stdout.write(json_text([run.to_json() for run in runs], indent=2) + "\n")
        return 0
    with outcome() as screen:
        if not runs:
            screen.line(f"no runs in {args.folder}")
            return 0
        head = ["run", "state", "score", "data", "model", "age", "size"]
        screen.table(head, [_row(run) for run in runs], "<<<<<<>", indent=0)
        for run in runs:
            if run.problem:
                screen.line(bold(run.directory.name), f": {run.problem}")
    return 0


def brief(run: ListedRun) -> list[Line]:
    """Return the cells of a run where there is little room."""
    return [run.directory.name, _state(run), score(run), dim(age(run))]


def score(run: ListedRun, *, limits: bool = False) -> str:
    """Return the accuracy, or the first score, with its 95 % limits if wanted."""
    name = "accuracy" if "accuracy" in run.scores else next(iter(run.scores), None)
    if name is None:
        return ""
    words = f"{name.replace('_', ' ')} {run.scores[name]:.4f}"
    if limits and name in run.limits:
        low, high = run.limits[name]
        words += f" ({low:.3f} to {high:.3f})"
    return words


def age(run: ListedRun) -> str:
    """Say how long ago the run was started."""
    if run.began is None or run.began.tzinfo is None:
        return ""
    seconds = (datetime.now(UTC) - run.began).total_seconds()
    for length, name in _AGES:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def size(count: int) -> str:
    """Write a number of bytes."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"  # noqa: PLR2004  # a gigabyte


def _row(run: ListedRun) -> list[Line]:
    name = link(run.directory)._replace(text=run.directory.name)
    return [name, _state(run), score(run, limits=True), run.data, run.model, dim(age(run)), dim(size(run.bytes))]


def _state(run: ListedRun) -> Span:
    words = run.state if run.step is None else f"{run.state}, step {run.step:,}"
    return _STATES.get(run.state, Span)(words)
