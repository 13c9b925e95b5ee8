"""`clsfw clean`: frees the disk of the checkpoints that ended and abandoned runs left."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from clsfw.evidence.listing import ListedRun
    from clsfw.report.terminal import Line

HELP = "remove the checkpoints of runs that nobody is at work on, after showing which; results stay"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument(
        "folders", metavar="DIR", nargs="*", default=["runs"], help="runs, or folders of runs (default: runs)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def main(args: argparse.Namespace) -> int:
    """Show what would be removed, ask, and remove it."""
    from clsfw.cli.runs import age, size
    from clsfw.evidence.listing import BROKEN, find_runs
    from clsfw.kit.lock import is_locked
    from clsfw.report.terminal import Screen, bold, dim
    from clsfw.store.rundir import free_checkpoints

    runs = [run for folder in args.folders for run in find_runs(Path(folder))]
    found = [run for run in runs if run.checkpoint_bytes and run.state != BROKEN and not is_locked(run.directory)]
    screen = Screen(sys.stdout)
    if not found:
        screen.line("no run that ended or stopped has checkpoints; nothing to remove")
        return 0
    rows: list[list[Line]] = [
        [str(run.directory), _state(run), dim(age(run)), size(run.checkpoint_bytes)] for run in found
    ]
    screen.table(["run", "state", "age", "checkpoints"], rows, "<<<>", indent=0)
    total = size(sum(run.checkpoint_bytes for run in found))
    if any(run.state != "complete" for run in found):
        screen.line("a run that is not complete starts from its beginning then")
    if not args.yes and not _agreed(f"remove these checkpoints ({total})? [y/N] "):
        screen.line("nothing was removed")
        return 0
    for run in found:
        free_checkpoints(run.directory)
    screen.line(bold(f"{total} freed"))
    return 0


def _state(run: ListedRun) -> str:
    return run.state if run.step is None else f"{run.state} at step {run.step:,}"


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here; --yes removes what is listed")
    try:
        return input(question).strip().lower() in {"y", "yes"}
    except EOFError:
        return False
