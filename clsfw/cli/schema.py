"""`clsfw schema`: the JSON Schema of recipes, for editors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

HELP = "print a JSON Schema of recipes, with which editors complete keys and underline mistakes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("--component", metavar="NAME", help="only the table that uses this component")


def main(args: argparse.Namespace) -> int:
    """Print the schema."""
    import json

    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.discovery.plugins import discover
    from clsfw.scaffold.json_schema import component_schema, recipe_schema

    with stdout_to_stderr():
        plugins = discover()
        schema = recipe_schema(plugins) if args.component is None else component_schema(plugins, args.component)
    sys.stdout.write(json.dumps(schema, indent=2) + "\n")
    return 0
