"""`clsfw export-data`: write the splits of a recipe as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.cli.run import add_recipe_arguments

if TYPE_CHECKING:
    import argparse

HELP = "write the train, validation and test data of a recipe as CSV or Parquet files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)
    parser.add_argument("directory", metavar="DIR", help="where to write; it is created")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv", help="the kind of file (default: csv)")


def main(args: argparse.Namespace) -> int:
    """Read, cut and write the data."""
    from clsfw.discovery.plugins import discover
    from clsfw.recipe.plan import make_plan

    plan = make_plan(args.recipe, args.overrides, discover())

    from clsfw.inference.export import export_data
    from clsfw.report.live import open_display

    with open_display() as display:
        for file, rows in export_data(plan, Path(args.directory), args.format, display):
            display.note(f"{file}: {rows} rows")
    return 0
