"""`clsfw push`: publish the model of a complete run, or an artifact, on the Hugging Face hub."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from clsfw.shipping.push import Pushed

HELP = "publish the model of a complete run, or an artifact, on the Hugging Face hub"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("run", metavar="RUN", help="the directory of a complete run, or of an artifact")
    parser.add_argument("name", metavar="NAMESPACE/NAME", help="the repository on the hub; it is made if need be")
    add_hub_arguments(parser)


def add_hub_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every verb takes that pushes."""
    parser.add_argument("--private", action="store_true", help="for your own eyes: a public repository is refused")
    parser.add_argument("--overwrite", action="store_true", help="replace files that were edited on the hub as well")


def main(args: argparse.Namespace) -> int:
    """Push, and say where it lies."""
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.report.live import open_display
    from clsfw.shipping.push import push, run_parcel

    with open_display(sys.stderr) as display, stdout_to_stderr():
        parcel = run_parcel(Path(args.run).expanduser())
        pushed = push(parcel, args.name, display, private=args.private, overwrite=args.overwrite)
    tell(pushed)
    return 0


def tell(pushed: Pushed) -> None:
    """Print the address, and what came of it."""
    from clsfw.cli.streams import outcome
    from clsfw.report.terminal import bold, good

    with outcome() as screen:
        screen.line(bold(pushed.url), " (private)" if pushed.private else " (public)", f", commit {pushed.commit}")
        size = f"{pushed.files:,} files, {pushed.bytes / 1e6:,.1f} MB"
        if pushed.changed:
            screen.line(f"{size}, {len(pushed.changed):,} changed; read back, ", good("every hash fits"), indent=2)
        else:
            screen.line(f"{size}; nothing changed: ", good("all is there already"), indent=2)
