"""`clsfw check`: everything that can be known before training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.cli.run import add_recipe_arguments

if TYPE_CHECKING:
    import argparse

    from clsfw.studies.plan import StudyPlan

HELP = "check a recipe: plugins, data, splits, leaks, model files, memory, disk and steps, without training"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)


def _duration(study: StudyPlan) -> str:
    """Estimate how long a study takes by a run of its recipe, where one was made."""
    from clsfw.engine.execute import run_path
    from clsfw.errors import RunDirectoryError
    from clsfw.evidence.finished import FinishedRun
    from clsfw.report.live import duration

    path = run_path(study.own, None)
    try:
        seconds = FinishedRun.read(path).timings["total_seconds"]
    except (RunDirectoryError, KeyError):
        return "how long that takes can be said once `clsfw run` has made one run of it"
    return f"about {duration(seconds * study.effort())}, by the {duration(seconds)} of {path}"


def main(args: argparse.Namespace) -> int:
    """Check, and print what was found."""
    from clsfw.discovery.plugins import discover
    from clsfw.recipe.plan import make_plan
    from clsfw.studies.plan import make_study

    plugins = discover()
    plan = make_plan(args.recipe, args.overrides, plugins)

    from clsfw.cli.streams import outcome
    from clsfw.forecast import check
    from clsfw.report.live import open_display
    from clsfw.report.terminal import good, typed

    study = make_study(args.recipe, args.overrides, plugins) if "study" in plan.document.values else None
    with open_display() as display:
        needs = check(plan, display)
        if study is not None:
            steps = f", {needs.steps * study.effort():,.0f} steps in all" if needs is not None else ""
            display.note(f"the study is {study.runs} runs{steps}")
            display.note(_duration(study))
    with outcome() as screen:
        screen.line(good("the recipe can be run"), ": ", typed(f"clsfw {'study' if study else 'run'} {args.recipe}"))
    return 0
