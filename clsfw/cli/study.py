"""`clsfw study`: a recipe under several seeds, and a search for its settings, as one experiment."""

from __future__ import annotations

import argparse

from clsfw.cli.reading import add_on
from clsfw.cli.run import add_recipe_arguments
from clsfw.errors import NotReproducedError

HELP = (
    "run a recipe under several seeds, and search for its settings, as one experiment; the same command continues an "
    "interrupted study"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)
    parser.add_argument("--out", metavar="DIR", help="the directory of the study (default: studies/NAME-HASH)")
    add_on(parser)
    parser.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="make N runs at once, each in a process with its share of the processors (default: 1, or as many as the "
        "study was begun with)",
    )


def main(args: argparse.Namespace) -> int:
    """Carry the study out, and print what it came to."""
    from clsfw.discovery.plugins import discover
    from clsfw.studies.plan import make_study

    plan = make_study(args.recipe, args.overrides, discover())

    from clsfw.cli.streams import outcome
    from clsfw.studies.board import open_board
    from clsfw.studies.execute import carry_out, study_path
    from clsfw.studies.summary import summarize

    with open_board() as board:
        board.title(plan.own.recipe.name, f"{plan.runs} runs, in {study_path(plan, args.out)}")
        study = carry_out(plan, out=args.out, jobs=args.jobs, on=args.on, board=board)
    with outcome() as screen:
        summarize(screen, study)
    verdict = study.verdict
    missed = verdict is not None and verdict["status"] == "NOT REPRODUCED"
    return NotReproducedError.exit_code if missed else 0


def _jobs(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is not a number of runs from 1")
    return int(text)
