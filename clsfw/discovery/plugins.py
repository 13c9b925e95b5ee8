"""Finds the installed plugins, each on its own, and sets broken ones aside with their reason.

Entry points of the group `clsfw` are read in sorted order; each plugin gets a plugin manager of its own, so a broken
one cannot touch the others, and whatever a hook gives or raises has a known owner. There is no global state: whoever
wants the plugins calls `discover()`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clsfw.contract.component import KINDS, Component, Kind
from clsfw.discovery.blame import PACKAGES, describe, missing_library
from clsfw.discovery.registration import collect, register
from clsfw.errors import ClsfwError, HostError, PluginError
from clsfw.kit.memory import advice, out_of_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from importlib.metadata import Distribution, EntryPoint

    from clsfw.process.effects import Effects

GROUP = "clsfw"
ALLOW_VARIABLE = "CLSFW_PLUGINS"


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group `clsfw`, loaded or set aside.

    `state` is `ok`, `broken` (`reason` says why, with the author's file and line) or `blocked` (by `CLSFW_PLUGINS`).
    """

    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken", "blocked"]
    reason: str | None = None
    components: Mapping[Kind, Sequence[Component[Any]]] = field(default_factory=dict)
    folder: Path | None = None

    def __str__(self) -> str:
        """Return the words by which messages name the plugin."""
        return f"plugin {self.name!r} ({self.distribution} {self.version})"

    def provenance(self) -> dict[str, str]:
        """Name distribution and version, and hash the Python files that the plugin was loaded from."""
        digest = hashlib.sha256()
        top = self.folder
        if top is not None:
            # An editor's lock file is a link to nowhere.
            for file in sorted(f for f in top.rglob("*.py") if f.is_file()) if top.is_dir() else [top]:
                name = file.relative_to(top).as_posix() if top.is_dir() else file.name
                digest.update(name.encode() + b"\0" + file.read_bytes())
        return {"distribution": self.distribution, "version": self.version, "sha256": digest.hexdigest()}


@dataclass(frozen=True)
class Plugins:
    """All plugins that were found, in the order of their names."""

    all: tuple[Plugin, ...]

    def components(self, kind: Kind) -> dict[str, tuple[Plugin, Component[Any]]]:
        """Return the usable components of a kind by name."""
        return {c.name: (p, c) for p in self.all if p.state == "ok" for c in p.components.get(kind, ())}

    def claimants(self, kind: Kind, name: str) -> list[Plugin]:
        """Return every plugin that claims a component name, those that were set aside for it too."""
        return [p for p in self.all if any(c.name == name for c in p.components.get(kind, ()))]

    def named(self, name: str) -> Plugin | None:
        """Return the plugin with this entry point name."""
        return next((p for p in self.all if p.name == name), None)


@contextmanager
def guard(plugin: Plugin, doing: str) -> Iterator[None]:
    """Turn whatever a plugin's code raises into an error that names the plugin, its version, and the author's line."""
    try:
        yield
    except (ClsfwError, KeyboardInterrupt, MemoryError, GeneratorExit):
        raise
    except BaseException as exc:
        if out_of_memory(exc):
            raise HostError(advice()) from exc
        if library := missing_library(exc, plugin.folder):
            raise HostError(
                f"{plugin} needs {library!r}, which is not installed; `pip install {PACKAGES.get(library, library)}`"
            ) from exc
        raise PluginError(f"{plugin} failed in {doing}: {describe(exc, plugin.folder)}") from exc


def discover(entry_points: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every installed plugin that `CLSFW_PLUGINS` allows (unset: all; empty: the bundled ones only)."""
    plugins: list[Plugin] = []
    if entry_points is None:
        entry_points, plugins = _installed()
    # An editable install can list the same entry point twice, from its metadata and from the build folder.
    owner = functools.cache(_owner)  # its metadata is parsed each time
    unique = {(ep.name, ep.value, *owner(ep.dist)): ep for ep in entry_points}
    allowed = os.environ.get(ALLOW_VARIABLE)
    names = {name.strip() for name in allowed.split(",") if name.strip()} if allowed is not None else None
    plugins += [_load(unique[key], *key[2:], names) for key in sorted(unique)]
    plugins.sort(key=lambda plugin: (plugin.name, plugin.distribution))
    return Plugins(tuple(_set_clashes_aside(plugins)))


def _installed() -> tuple[list[EntryPoint], list[Plugin]]:
    """Return the entry points of the group, and a broken plugin for each distribution that lists its own wrongly."""
    with suppress(Exception):  # one damaged file fails the whole call, in any way; then look at each file alone
        return list(importlib.metadata.entry_points(group=GROUP)), []
    found: list[EntryPoint] = []
    broken: list[Plugin] = []
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        name, version = _owner(distribution)
        if name in seen:
            continue
        seen.add(name)
        try:
            found += distribution.entry_points.select(group=GROUP)
        except Exception as exc:  # noqa: BLE001  # as above
            reason = f"its entry_points.txt cannot be read: {type(exc).__name__}: {exc}"
            broken.append(Plugin(name, name, version, "broken", reason))
    return found, broken


def _owner(distribution: Distribution | None) -> tuple[str, str]:
    """Return name and version; damaged metadata may hold neither."""
    metadata: Any = (distribution.metadata if distribution is not None else None) or {}
    return str(metadata.get("Name") or "unknown"), str(metadata.get("Version") or "0")


def _load(ep: EntryPoint, distribution: str, version: str, allowed: set[str] | None) -> Plugin:
    plugin = Plugin(ep.name, distribution, version, "ok")
    if allowed is not None and ep.name not in allowed and (allowed or plugin.distribution != "clsfw"):
        return replace(plugin, state="blocked", reason=f"not in {ALLOW_VARIABLE}")
    top = ep.value.split(":")[0].split(".")[0].strip()
    plugin = replace(plugin, folder=_folder(top))
    before = set(sys.modules)
    if plugin.distribution == "clsfw":
        plugin = _imported(plugin, ep, None)
    else:
        from clsfw.process.effects import effects_of_import  # only here: it takes a millisecond

        with effects_of_import(top) as effects:
            plugin = _imported(plugin, ep, effects)
        if effects.touched and plugin.state == "ok":
            reason = f"its import changes {effects}; do that in `build`, for as long as it is needed, or not at all"
            plugin = replace(plugin, state="broken", reason=reason, components={})
    if plugin.state == "broken":
        for name in set(sys.modules) - before:  # leave no part of it behind: the next look must find the same
            if name.split(".")[0] == top:
                del sys.modules[name]
    return plugin


def _imported(plugin: Plugin, ep: EntryPoint, effects: Effects | None) -> Plugin:
    """Import and register a plugin; whatever its code raises, `sys.exit` too, breaks this plugin alone.

    Without `effects` a `KeyboardInterrupt` is the user's.
    """
    try:
        loaded = ep.load()
    except BaseException as exc:
        if isinstance(exc, KeyboardInterrupt) and (effects is None or effects.interrupted):
            raise
        return replace(plugin, state="broken", reason=_import_reason(ep, exc, plugin.folder))
    try:
        manager = register(ep.name, loaded)
        components = {kind: collect(manager, kind, plugin.folder) for kind in KINDS}
    except BaseException as exc:
        if isinstance(exc, KeyboardInterrupt) and (effects is None or effects.interrupted):
            raise
        return replace(plugin, state="broken", reason=describe(exc, plugin.folder))
    return replace(plugin, components=components)


def _folder(top: str) -> Path | None:
    """Find the folder of a top-level package, or the file of a module, without importing it."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.has_location and spec.origin else None


def _import_reason(ep: EntryPoint, exc: BaseException, folder: Path | None) -> str:
    """Say why an entry point could not be loaded, and what its author or its user can do."""
    target = ep.value.split(":")[0].strip()
    entry = f"the entry point {ep.name} = {ep.value!r}"
    if not re.fullmatch(r"[\w.]+(:[\w.]+)?", ep.value.replace(" ", "")) or " " in target:
        return f"{entry} is not of the form 'package' or 'package.module'"
    words = describe(exc, folder)
    if isinstance(exc, ModuleNotFoundError) and exc.name and (target == exc.name or target.startswith(exc.name + ".")):
        return f"{entry} names a module that does not exist: {words}"
    if isinstance(exc, AttributeError) and getattr(exc.obj, "__name__", None) == target:
        return f"{entry} names something that the module does not have: {words}"
    if isinstance(exc, ImportError) and exc.name and exc.name.split(".")[0] == "clsfw":
        from clsfw.errors import __version__

        asked = [r for r in (ep.dist.requires or [] if ep.dist else []) if re.match(r"clsfw(?![\w.-])", r)]
        needs = f" (it asks for {asked[0]!r})" if asked else ""
        return f"{words}; it was written for another version of clsfw than {__version__}{needs}"
    return words


def _set_clashes_aside(plugins: list[Plugin]) -> Iterator[Plugin]:
    """Mark plugins that share an entry point name or a component name; the bundled one of a pair stays usable."""
    names = Counter(p.name for p in plugins if p.state != "blocked")
    owners: dict[tuple[Kind, str], list[Plugin]] = {}
    for plugin in plugins:
        if plugin.state == "ok":
            for kind, components in plugin.components.items():
                for component in components:
                    owners.setdefault((kind, component.name), []).append(plugin)
    for plugin in plugins:
        reason = None
        if plugin.state != "blocked" and names[plugin.name] > 1:
            rivals = [str(p) for p in plugins if p.name == plugin.name]
            reason = f"the plugin name is taken twice: {' and '.join(rivals)}"
        for (kind, name), claimants in owners.items():
            if len(claimants) > 1 and any(plugin is claimant for claimant in claimants):
                reason = f"{kind} {name!r} is claimed by {' and '.join(str(p) for p in claimants)}"
        if reason is None or plugin.distribution == "clsfw":
            yield plugin
        else:
            yield replace(plugin, state="broken", reason=reason)
