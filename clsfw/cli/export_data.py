"""`clsfw export-data`: write the splits of a recipe as files, or push them to the hub."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.cli.push import add_hub_arguments
from clsfw.cli.run import add_recipe_arguments
from clsfw.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from clsfw.recipe.plan import Plan

HELP = "write the train, validation and test data of a recipe as CSV or Parquet files, or push them to the hub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    add_recipe_arguments(parser)
    parser.add_argument("directory", metavar="DIR", nargs="?", help="where to write; it is created")
    parser.add_argument("--format", choices=("csv", "parquet"), help="the kind of file (default: csv)")
    parser.add_argument(
        "--to-hub", metavar="NAMESPACE/NAME", help="push Parquet files and a card to this data set instead"
    )
    add_hub_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Read, cut and write the data, or push it."""
    if (args.directory is None) == (args.to_hub is None):
        raise UsageError("give DIR, or --to-hub NAMESPACE/NAME, one of the two")
    if args.to_hub is not None and args.format is not None:
        raise UsageError("--format is for files in DIR; the hub gets Parquet")
    if args.to_hub is None and (args.private or args.overwrite):
        raise UsageError("--private and --overwrite are for --to-hub")

    from clsfw.discovery.plugins import discover
    from clsfw.recipe.plan import make_plan

    plan = make_plan(args.recipe, args.overrides, discover())
    if args.to_hub is not None:
        return _push(plan, args)

    from clsfw.inference.export import export_data
    from clsfw.report.live import open_display

    with open_display() as display:
        for file, rows in export_data(plan, Path(args.directory), args.format or "csv", display):
            display.note(f"{file}: {rows} rows")
    return 0


def _push(plan: Plan, args: argparse.Namespace) -> int:
    from clsfw.cli.push import tell
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.report.live import open_display
    from clsfw.shipping.data import data_parcel
    from clsfw.shipping.push import push

    with (
        open_display(sys.stderr) as display,
        stdout_to_stderr(),
        tempfile.TemporaryDirectory(prefix="clsfw-") as folder,
    ):
        parcel = data_parcel(plan, args.to_hub, Path(folder), display)
        pushed = push(parcel, args.to_hub, display, private=args.private, overwrite=args.overwrite)
    tell(pushed)
    return 0
