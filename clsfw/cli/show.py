"""`clsfw show`: the resolved recipe, and where each of its values comes from."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clsfw.cli.run import add_recipe_arguments

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from clsfw.recipe.plan import Plan
    from clsfw.recipe.sections import Part

HELP = "print the resolved recipe: every value with its origin, and the names of the settings that are not set"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the recipe, the origins and the notes as JSON")


def main(args: argparse.Namespace) -> int:
    """Print the resolved recipe, and what was decided on the way to stderr."""
    import json

    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.discovery.plugins import discover
    from clsfw.recipe.plan import make_plan
    from clsfw.recipe.resolving import dotted
    from clsfw.report.terminal import Screen, dim
    from clsfw.toml.rendering import render

    with stdout_to_stderr():
        plan = make_plan(args.recipe, args.overrides, discover())
        resolved = plan.resolved()
    if args.json:
        shown = {"file": str(plan.file), "recipe": resolved, "origins": dict(plan.origins), "notes": list(plan.notes)}
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
        return 0
    notes = Screen(sys.stderr)
    for note in plan.notes:
        notes.line("clsfw: note: ", note)
    sys.stdout.write(render(resolved, lambda path: plan.origins.get(dotted(path))))
    screen = Screen(sys.stdout)
    screen.line()
    for line in _not_set(plan, resolved):
        screen.line(dim(line))
    return 0


def _not_set(plan: Plan, resolved: Mapping[str, Any]) -> Iterator[str]:
    """Name the settings that have no value, which TOML cannot show, as a comment for each component that has some."""
    parts: list[Part[Any]] = [plan.data, plan.model, plan.trainer, *plan.metrics, *plan.watchers]
    tables = (
        resolved["data"],
        resolved["model"],
        resolved["trainer"],
        *resolved["metrics"],
        *resolved.get("watchers", ()),
    )
    for part, table in zip(parts, tables, strict=True):
        keys = (field.alias or name for name, field in type(part.settings).model_fields.items())
        missing = [key for key in keys if key not in table]
        if missing:
            yield f"# not set, {part.kind} {part.component.name}: {', '.join(missing)}"
