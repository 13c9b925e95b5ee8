"""Code that a run directory names, which whoever wrote the directory may have written too: not run unless asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.contract.parts import NamesCode
from clsfw.discovery.plugins import guard
from clsfw.errors import UsageError

if TYPE_CHECKING:
    from clsfw.contract.component import Kind, Settings
    from clsfw.discovery.plugins import Plugin


def refuse_code(kind: Kind, name: str, plugin: Plugin, settings: Settings) -> None:
    """Refuse to build a part of a run directory whose settings name code other than the plugin's own.

    Raises:
        UsageError: they do.

    """
    if not isinstance(settings, NamesCode):
        return
    with guard(plugin, f"names_code of {kind} {name!r}"):
        named = settings.names_code()
    if named is not None:
        raise UsageError(
            f"{kind} {name!r} of this run would run code that the run names by {named};"
            " if you know and trust that code, give --allow-code (allow_code=True in Python)"
        )
