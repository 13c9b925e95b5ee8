"""`clsfw list-plugins`: the installed plugins, what each contributes, and why broken ones are broken."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from clsfw.discovery.plugins import Plugin, Plugins

HELP = "list the plugins, their components, and why broken ones are broken"

_NARROWEST, _WIDEST = 40, 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print a JSON list on standard output")


def main(args: argparse.Namespace) -> int:
    """List the plugins; a broken one is part of the list, not an error."""
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.discovery.plugins import discover

    with stdout_to_stderr():
        plugins = discover()
    text = json.dumps([_facts(plugin) for plugin in plugins.all], indent=2) if args.json else "\n".join(_lines(plugins))
    sys.stdout.write(text + "\n")
    return 0


def _facts(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": plugin.state,
        "reason": plugin.reason,
        "components": [
            {"kind": kind, "name": component.name, "summary": component.summary}
            for kind, components in plugin.components.items()
            for component in components
        ],
    }


def _lines(plugins: Plugins) -> Iterator[str]:
    from clsfw.discovery.plugins import ALLOW_VARIABLE
    from clsfw.kit.text import clean

    # Some terminals and pipes say 0 columns or 10,000.
    width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
    wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    for plugin in plugins.all:
        yield clean(f"{plugin.name}  ({plugin.distribution} {plugin.version})  {plugin.state}")
        rows: list[tuple[str, str, str]] = [
            (kind, component.name, component.summary)
            for kind, components in plugin.components.items()
            for component in components
        ]
        rows += [("reason", plugin.reason, "")] if plugin.reason else []
        for first, *rest in rows:
            wrap.initial_indent, wrap.subsequent_indent = f"    {first:<9}", " " * 13
            yield from wrap.wrap(clean(": ".join(word for word in rest if word)))
    counts = [(state, sum(plugin.state == state for plugin in plugins.all)) for state in ("ok", "broken", "blocked")]
    yield f"{len(plugins.all)} plugins: " + ", ".join(f"{count} {state}" for state, count in counts if count)
    wanted = [name.strip() for name in os.environ.get(ALLOW_VARIABLE, "").split(",")]
    for name in wanted:
        if name and plugins.named(name) is None:
            yield clean(f"{ALLOW_VARIABLE} names {name!r}, but no such plugin is installed")
