"""`clsfw check`: everything that can be known before training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.cli.run import add_recipe_arguments

if TYPE_CHECKING:
    import argparse

HELP = "check a recipe: plugins, data, splits, leaks, model files, memory, disk and steps, without training"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Check, and print what was found."""
    from clsfw.discovery.plugins import discover
    from clsfw.recipe.plan import make_plan

    plan = make_plan(args.recipe, args.overrides, discover())

    from clsfw.cli.streams import outcome
    from clsfw.forecast import check
    from clsfw.report.live import open_display
    from clsfw.report.terminal import good, typed

    with open_display() as display:
        check(plan, display)
    with outcome() as screen:
        screen.line(good("the recipe can be run"), ": ", typed(f"clsfw run {args.recipe}"))
    return 0
