"""Finds the installed plugins, each on its own, and sets broken ones aside with their reason.

Entry points of the group `clsfw` are read in sorted order; each plugin gets a plugin manager of its own, so a broken one
cannot touch the others, and whatever a hook gives or raises has a known owner. There is no global state: whoever wants
the plugins calls `discover()`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import os
import re
import sys
import traceback
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from clsfw.errors import ClsfwError, PluginError
from clsfw.plugin import hookspecs
from clsfw.plugin.component import KINDS, Component, Kind, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from importlib.metadata import EntryPoint

GROUP = "clsfw"
ALLOW_VARIABLE = "CLSFW_PLUGINS"

_REGISTER: Mapping[Kind, str] = {
    "data": "register_data_sources",
    "model": "register_models",
    "trainer": "register_trainers",
    "metric": "register_metrics",
}
_HOOKS = frozenset(name for name, value in vars(hookspecs).items() if name.startswith(("register_", "on_")) and value)
_COMPONENT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")


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
    manager: pluggy.PluginManager | None = None

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.distribution} {self.version})"

    def watch(self, hook: str, **arguments: object) -> None:
        """Call a watching hook of this plugin alone."""
        if self.manager is not None:
            with guard(self, f"hook {hook}"):
                getattr(self.manager.hook, hook)(**arguments)

    def provenance(self) -> dict[str, str]:
        """Name distribution and version, and hash the Python files that the plugin was loaded from."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.rglob("*.py")) if self.folder and self.folder.is_dir() else [self.folder]:
            if file is not None:
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
        return {"distribution": self.distribution, "version": self.version, "sha256": digest.hexdigest()}


@dataclass(frozen=True)
class Plugins:
    """All plugins that were found, in the order of their names."""

    all: tuple[Plugin, ...]

    def components(self, kind: Kind) -> dict[str, tuple[Plugin, Component[Any]]]:
        """Give the usable components of a kind by name."""
        return {c.name: (p, c) for p in self.all if p.state == "ok" for c in p.components.get(kind, ())}

    def claimants(self, kind: Kind, name: str) -> list[Plugin]:
        """Give every plugin that claims a component name, those that were set aside for it too."""
        return [p for p in self.all if any(c.name == name for c in p.components.get(kind, ()))]

    def named(self, name: str) -> Plugin | None:
        """Give the plugin with this entry point name."""
        return next((p for p in self.all if p.name == name), None)


@contextmanager
def guard(plugin: Plugin, doing: str) -> Iterator[None]:
    """Turn whatever a plugin's code raises into an error that names the plugin, its version, and the author's line."""
    try:
        yield
    except (ClsfwError, KeyboardInterrupt, MemoryError, GeneratorExit):
        raise
    except BaseException as exc:
        raise PluginError(f"{plugin} failed in {doing}: {_describe(exc, plugin.folder)}") from exc


def discover(entry_points: Iterable[EntryPoint] | None = None) -> Plugins:
    """Load every installed plugin that `CLSFW_PLUGINS` allows (unset: all; empty: the bundled ones only)."""
    if entry_points is None:
        entry_points = importlib.metadata.entry_points(group=GROUP)
    # An editable install can list the same entry point twice, from its metadata and from the build folder.
    unique = {(ep.name, ep.value, _owner(ep)): ep for ep in entry_points}
    found = sorted(unique.values(), key=lambda ep: (ep.name, _owner(ep)))
    allowed = os.environ.get(ALLOW_VARIABLE)
    names = {name.strip() for name in allowed.split(",") if name.strip()} if allowed is not None else None
    plugins = [_load(ep, names) for ep in found]
    return Plugins(tuple(_set_clashes_aside(plugins)))


def _owner(ep: EntryPoint) -> tuple[str, str]:
    return (ep.dist.name, ep.dist.version) if ep.dist is not None else ("unknown", "0")


def _load(ep: EntryPoint, allowed: set[str] | None) -> Plugin:
    distribution, version = _owner(ep)
    plugin = Plugin(ep.name, distribution, version, "ok")
    if allowed is not None and ep.name not in allowed and (allowed or distribution != "clsfw"):
        return replace(plugin, state="blocked", reason=f"not in {ALLOW_VARIABLE}")
    before = set(sys.modules)
    try:
        loaded = ep.load()
        plugin = replace(plugin, folder=_folder(loaded))
        manager = _register(ep.name, loaded)
        plugin = replace(plugin, manager=manager)
        return replace(plugin, components={kind: _collect(manager, kind) for kind in KINDS})
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        if plugin.folder is None:  # half imported: leave no part of it behind
            for name in set(sys.modules) - before:
                if name.split(".")[0] == ep.module.split(".")[0]:
                    del sys.modules[name]
        return replace(plugin, state="broken", reason=_describe(exc, plugin.folder), manager=None)


def _folder(loaded: Any) -> Path | None:
    module = loaded if inspect.ismodule(loaded) else sys.modules.get(getattr(loaded, "__module__", ""), None)
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    return Path(file).parent if Path(file).name == "__init__.py" else Path(file)


def _register(name: str, loaded: object) -> pluggy.PluginManager:
    manager = pluggy.PluginManager("clsfw")
    manager.add_hookspecs(hookspecs)
    manager.register(loaded, name)
    manager.check_pending()
    for hook in sorted(_HOOKS):
        function = inspect.getattr_static(loaded, hook, None)
        if callable(function) and not hasattr(function, "clsfw_impl"):
            raise PluginError(f"{hook} lacks its @clsfw.hookimpl mark, so it would never be called")
        if inspect.iscoroutinefunction(function):
            raise PluginError(f"{hook} is async; a hook is an ordinary function")
    if not any(manager.get_hookcallers(loaded) or ()):
        raise PluginError("it implements no hook; mark its hook functions with @clsfw.hookimpl")
    return manager


def _collect(manager: pluggy.PluginManager, kind: Kind) -> tuple[Component[Any], ...]:
    hook = _REGISTER[kind]
    components: list[Component[Any]] = []
    for given in getattr(manager.hook, hook)():
        if isinstance(given, (str, bytes, Component)) or not hasattr(given, "__iter__"):
            raise PluginError(f"{hook} must return a list of clsfw.Component, not {type(given).__name__}")
        components.extend(given)
    for component in components:
        _check_component(hook, component)
    twice = [name for name, count in Counter(c.name for c in components).items() if count > 1]
    if twice:
        raise PluginError(f"{hook} gives {kind} {twice[0]!r} twice")
    return tuple(components)


def _check_component(hook: str, component: object) -> None:
    if not isinstance(component, Component):
        raise PluginError(f"{hook} must return a list of clsfw.Component, but one item is {type(component).__name__}")
    if not isinstance(component.name, str) or not _COMPONENT_NAME.match(component.name):
        raise PluginError(f"{hook}: {component.name!r} is no component name; use lower-case letters, digits, '-', '_', '.'")
    if not (isinstance(component.settings, type) and issubclass(component.settings, Settings)):
        raise PluginError(f"{hook}: settings of {component.name!r} must be a subclass of clsfw.Settings")
    if not callable(component.build):
        raise PluginError(f"{hook}: build of {component.name!r} cannot be called")


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
            if plugin in claimants and len(claimants) > 1:
                reason = f"{kind} {name!r} is claimed by {' and '.join(str(p) for p in claimants)}"
        if reason is None or plugin.distribution == "clsfw":
            yield plugin
        else:
            yield replace(plugin, state="broken", reason=reason)


def _describe(exc: BaseException, folder: Path | None) -> str:
    """Say what was raised and where in the author's own code."""
    if isinstance(exc, ClsfwError):
        return str(exc)
    if isinstance(exc, pluggy.PluginValidationError):
        return _describe_validation(exc)
    if isinstance(exc, SyntaxError):
        return f"SyntaxError: {exc.msg} ({exc.filename}:{exc.lineno})"
    what = f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__
    frames = traceback.extract_tb(exc.__traceback__)
    own = [f for f in frames if folder is not None and Path(f.filename).is_relative_to(folder)]
    foreign = [f for f in frames if not f.filename.startswith("<") and not _is_ours(f.filename)]
    places = own or foreign
    return f"{what} ({places[-1].filename}:{places[-1].lineno})" if places else what


def _describe_validation(exc: pluggy.PluginValidationError) -> str:
    function = None
    words = str(exc)
    named = re.search(r"(?:hook(?: '| )|unknown hook ')(\w+)", words)
    if named:
        function = inspect.getattr_static(exc.plugin, named.group(1), None)
        if named.group(1) not in _HOOKS:
            import difflib

            near = difflib.get_close_matches(named.group(1), sorted(_HOOKS), n=1)
            words = f"unknown hook {named.group(1)!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        else:
            expected = inspect.signature(getattr(hookspecs, named.group(1)))
            names = ", ".join(expected.parameters)
            words = f"hook {named.group(1)} has the wrong arguments; it may take: {names or 'none'}"
    code = getattr(inspect.unwrap(function), "__code__", None) if function is not None else None
    return f"{words} ({code.co_filename}:{code.co_firstlineno})" if code else words


_OWN_FOLDERS = (str(Path(__file__).parents[1]), str(Path(pluggy.__file__).parent), str(Path(importlib.__file__).parent))


def _is_ours(filename: str) -> bool:
    return filename.startswith(_OWN_FOLDERS)
