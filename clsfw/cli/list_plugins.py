"""`clsfw list-plugins`: the installed plugins, what each contributes, and why broken ones are broken."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any

from clsfw.report.terminal import Screen, bad, bold, dim, doubtful, good, typed

if TYPE_CHECKING:
    import argparse

    from clsfw.discovery.plugins import Plugin, Plugins
    from clsfw.report.terminal import Line

_IMPORT = re.compile(r"^(?:import|from) (\w+)", re.MULTILINE)

HELP = "list the plugins, their components, and why broken ones are broken"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print a JSON list on standard output")


def main(args: argparse.Namespace) -> int:
    """List the plugins; a broken one is part of the list, not an error."""
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.discovery.plugins import discover

    with stdout_to_stderr():
        plugins = discover()
    if args.json:
        sys.stdout.write(json.dumps([_facts(plugin) for plugin in plugins.all], indent=2) + "\n")
    else:
        _show(Screen(sys.stdout), plugins)
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


def _show(screen: Screen, plugins: Plugins) -> None:
    from clsfw.discovery.blame import PACKAGES
    from clsfw.discovery.plugins import ALLOW_VARIABLE

    states = {"ok": good, "broken": bad, "blocked": doubtful}
    for plugin in plugins.all:
        missing = _missing(plugin) if plugin.state == "ok" else []
        state = doubtful("cannot run") if missing else states[plugin.state](plugin.state)
        screen.line(bold(plugin.name), dim(f"  ({plugin.distribution} {plugin.version})  "), state)
        rows: list[list[Line]] = [
            [dim(kind), (typed(component.name), f": {component.summary}")]
            for kind, components in plugin.components.items()
            for component in components
        ]
        screen.table(["", ""], rows, "<<", indent=4)
        if plugin.reason:  # with a path, which is not to be cut
            screen.line(dim("reason   "), plugin.reason, indent=4)
        if missing:
            command = f"pip install {' '.join(PACKAGES.get(name, name) for name in missing)}"
            screen.line(dim("reason   "), f"not installed: {', '.join(missing)}; ", typed(command), indent=4)
    counts = [(state, sum(plugin.state == state for plugin in plugins.all)) for state in states]
    screen.line(f"{len(plugins.all)} plugins: " + ", ".join(f"{count} {state}" for state, count in counts if count))
    wanted = [name.strip() for name in os.environ.get(ALLOW_VARIABLE, "").split(",")]
    for name in wanted:
        if name and plugins.named(name) is None:
            screen.line(f"{ALLOW_VARIABLE} names {name!r}, but no such plugin is installed")


def _missing(plugin: Plugin) -> list[str]:
    """Return the libraries that the plugin's modules import at their top and nobody installed."""
    from clsfw.discovery.blame import is_installed

    if plugin.folder is None:
        return []
    files = sorted(plugin.folder.glob("*.py")) if plugin.folder.is_dir() else [plugin.folder]
    found = {name for file in files for name in _IMPORT.findall(file.read_text(encoding="utf-8", errors="replace"))}
    return sorted(name for name in found if not is_installed(name))
