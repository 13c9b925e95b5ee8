"""`clsfw show`: the resolved recipe, and where each of its values comes from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from clsfw.cli.run import add_recipe_arguments

if TYPE_CHECKING:
    import argparse

HELP = "print the resolved recipe, every default filled in, with each value's origin"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the recipe, the origins and the notes as JSON")


def main(args: argparse.Namespace) -> int:
    """Print the resolved recipe, and what was decided on the way to stderr."""
    import json

    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.plugin.discovery import discover
    from clsfw.recipe.plan import make_plan
    from clsfw.recipe.rendering import render
    from clsfw.recipe.resolving import dotted
    from clsfw.report.safe import clean

    with stdout_to_stderr():
        plan = make_plan(args.recipe, args.overrides, discover())
        resolved = plan.resolved()
    if args.json:
        shown = {"file": str(plan.file), "recipe": resolved, "origins": dict(plan.origins), "notes": list(plan.notes)}
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
        return 0
    for note in plan.notes:
        sys.stderr.write(f"clsfw: note: {clean(note)}\n")
    sys.stdout.write(render(resolved, lambda path: plan.origins.get(dotted(path))))
    return 0
