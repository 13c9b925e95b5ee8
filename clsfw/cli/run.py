"""`clsfw run`: run a recipe, continue it, or show its result."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clsfw.errors import NotReproducedError

if TYPE_CHECKING:
    import argparse

    from clsfw.evidence.finished import FinishedRun

HELP = "run a recipe; the same command continues an interrupted run, and shows the result of a complete one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)
    parser.add_argument("--out", metavar="DIR", help="the run directory (default: runs/NAME-HASH)")
    parser.add_argument(
        "--fresh", action="store_true", help="start over; an old run directory is moved aside, not lost"
    )
    parser.add_argument("--open", action="store_true", help="show the report in a browser at the end")
    parser.add_argument("--json", action="store_true", help="print a JSON object on standard output, at the end")
    parser.add_argument("-q", "--quiet", action="store_true", help="show no progress: warnings and the result only")
    parser.add_argument(
        "--accept-other-bits",
        action="store_true",
        help="go on with an interrupted run in other surroundings (threads, versions); its end has other bits then",
    )


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every verb on a recipe takes."""
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe file, or the name of a shipped recipe")
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change a setting, as in --set trainer.max_steps=5 (may be given several times)",
    )


def main(args: argparse.Namespace) -> int:
    """Run, and print the summary."""
    from clsfw.discovery.plugins import discover
    from clsfw.recipe.plan import make_plan

    plan = make_plan(args.recipe, args.overrides, discover())

    from clsfw.engine.assist import assist, is_assistant

    if is_assistant():
        assist(plan, out=args.out, fresh=args.fresh)
        return 0

    from contextlib import nullcontext

    from clsfw.cli.streams import outcome, stdout_to_stderr
    from clsfw.engine.execute import execute
    from clsfw.kit.text import json_text
    from clsfw.report.live import open_display
    from clsfw.report.summary import summarize

    used = (part.component.name for part in (plan.data, plan.model, plan.trainer))
    stream = sys.stderr if args.json or args.quiet else sys.stdout
    with open_display(stream, quiet=args.quiet) as display, stdout_to_stderr() if args.json else nullcontext():
        display.title(plan.recipe.name, f"{' > '.join(used)}, seed {plan.recipe.seed}")
        if "study" in plan.document.values:
            display.note(f"this is a single run; `clsfw study {args.recipe}` makes the [study] of the recipe")
        finished = execute(
            plan, out=args.out, fresh=args.fresh, accept_other_bits=args.accept_other_bits, display=display
        )
    with outcome() as screen:
        if args.json:
            screen.stream.write(json_text(_facts(finished), indent=2) + "\n")
        else:
            summarize(screen, finished)
    if args.open:
        import webbrowser

        webbrowser.open((finished.directory / "report.html").absolute().as_uri())
    verdict = finished.verdict
    missed = verdict is not None and verdict["status"] == "NOT REPRODUCED"
    return NotReproducedError.exit_code if missed else 0


def _facts(run: FinishedRun) -> dict[str, Any]:
    """Return what a script wants to know of a complete run; docs/how-to/run-in-ci.md lists the keys."""
    return {
        "name": run.record["name"],
        "state": run.state,
        "directory": str(run.directory),
        "report": str(run.directory / "report.html"),
        "model": str(run.directory / "model"),
        "seed": run.record["seed"],
        "seconds": run.timings.get("total_seconds"),
        "split": run.split,
        "scores": run.scores,
        "intervals": run.metrics["intervals"][run.split],
        "verdict": run.verdict,
        "findings": [{"weight": found.weight, "seen": found.seen, "remedy": found.remedy} for found in run.findings],
        "warnings": run.record.get("warnings", []),
    }
