"""Registers one plugin with a plugin manager of its own, and collects its components.

pluggy accepts much that would only fail later, or silently never run: a hook without its mark, an `async` one, a
required keyword-only argument, a hook that forgets to return. All of it is refused here, with the author's
line.
"""

from __future__ import annotations

import difflib
import inspect
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pluggy

from clsfw.contract import hooks as hookspecs
from clsfw.contract.component import NAME_PATTERN, Component, Kind, Settings
from clsfw.discovery.blame import describe
from clsfw.errors import PluginError
from clsfw.kit.shapes import kind_of, line_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

REGISTER_HOOKS: Mapping[Kind, str] = {
    "data": "register_data_sources",
    "model": "register_models",
    "trainer": "register_trainers",
    "metric": "register_metrics",
    "watcher": "register_watchers",
    "searcher": "register_searchers",
    "exporter": "register_exporters",
    "executor": "register_executors",
}
HOOKS = tuple(REGISTER_HOOKS.values())

# Close enough to be a slip of the pen ("register_model"), far enough to leave other names alone.
_SLIP = 0.88

# No plugin means so many components; a generator without an end does.
_MOST = 1000

# Characters: lists, tables and messages must stay readable.
_LONGEST_NAME, _LONGEST_SUMMARY = 60, 300

# Keys of a part's table that are no settings of the part.
_OWN_KEYS: Mapping[Kind, tuple[str, ...]] = {
    "watcher": ("use", "required"),
    "searcher": ("use", "trials", "metric"),
}


def register(name: str, loaded: object) -> pluggy.PluginManager:
    """Check what an entry point names, hook by hook, and register it alone.

    Raises:
        PluginError: it is not a module or object with hooks, or one of its hooks would fail or never be called.

    """
    if loaded is None or inspect.isroutine(loaded) or inspect.isclass(loaded):
        what = "None" if loaded is None else f"the {'class' if inspect.isclass(loaded) else 'function'} {_name(loaded)}"
        raise PluginError(f"the entry point names {what}; it must name the module that holds the hooks")
    _check_hooks(loaded)
    manager = pluggy.PluginManager("clsfw")
    manager.add_hookspecs(hookspecs)
    manager.register(loaded, name)
    manager.check_pending()
    return manager


def collect(manager: pluggy.PluginManager, kind: Kind, folder: Path | None) -> tuple[Component[Any], ...]:
    """Call the hook that contributes components of a kind, and check what it gave.

    Raises:
        PluginError: the hook raised, gave no list of sound components, or one name twice.

    """
    hook = REGISTER_HOOKS[kind]
    components: list[Component[Any]] = []
    # Called one by one: pluggy drops a None, which is what a forgotten `return` gives.
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        try:
            components.extend(_items(hook, implementation.function(), implementation.function))
        except (KeyboardInterrupt, PluginError):
            raise
        except BaseException as exc:  # `sys.exit` too
            raise PluginError(f"{hook} failed: {describe(exc, folder)}") from exc
        for component in components:
            _check_component(kind, component, implementation.function)
        twice = [name for name, count in Counter(c.name for c in components).items() if count > 1]
        if twice:
            raise _fault(f"{hook} gives {kind} {twice[0]!r} twice", implementation.function)
    return tuple(components)


def _name(loaded: object) -> str:
    return repr(getattr(loaded, "__name__", type(loaded).__name__))


def _fault(message: str, function: Callable[..., object]) -> PluginError:
    return PluginError(f"{message}{line_of(function)}")


def _functions(loaded: object) -> dict[str, Callable[..., object]]:
    """Return the functions of a module, or the methods of an object, without waking properties or lazy attributes."""
    if inspect.ismodule(loaded):
        return {name: value for name, value in vars(loaded).items() if isinstance(value, FunctionType)}
    kinds = (FunctionType, staticmethod, classmethod)
    return {n: getattr(loaded, n) for n in dir(loaded) if isinstance(inspect.getattr_static(loaded, n), kinds)}


def _check_hooks(loaded: object) -> None:
    implemented: set[str] = set()
    unmarked: dict[str, Callable[..., object]] = {}
    for attribute, function in _functions(loaded).items():
        options = getattr(function, "clsfw_impl", None)
        if options is None:
            unmarked[attribute] = function
        else:
            hook = options.get("specname") or attribute
            implemented.add(hook)
            if hook in HOOKS:
                _check_marked(hook, function, options)
            elif not options.get("optionalhook"):
                near = difflib.get_close_matches(hook, HOOKS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(HOOKS)}"
                raise _fault(f"unknown hook {hook!r}; {hint}", function)
    for attribute, function in unmarked.items():
        _check_unmarked(attribute, function, implemented, loaded)
    if not implemented:
        raise PluginError("it implements no hook; mark its hook functions with @clsfw.hookimpl")


def _check_marked(hook: str, function: Callable[..., object], options: Mapping[str, object]) -> None:
    if options.get("wrapper") or options.get("hookwrapper"):
        raise _fault(f"{hook} is a hook wrapper; a hook of clsfw is an ordinary function", function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _fault(f"{hook} is async; a hook of clsfw is an ordinary function", function)
    allowed = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    taken = inspect.signature(function).parameters.values()
    strange = [p.name for p in taken if p.name not in allowed or p.kind is p.KEYWORD_ONLY]
    if strange:
        may = f"it may take {', '.join(allowed)}, by position" if allowed else "it takes none"
        raise _fault(f"{hook} has the wrong arguments ({', '.join(strange)}); {may}", function)


def _check_unmarked(attribute: str, function: Callable[..., object], implemented: set[str], loaded: object) -> None:
    if attribute in HOOKS:
        raise _fault(f"{attribute} lacks its @clsfw.hookimpl mark, so it would never be called", function)
    at_home = function.__module__ == getattr(loaded, "__name__", function.__module__)
    near = difflib.get_close_matches(attribute, [h for h in HOOKS if h not in implemented], n=1, cutoff=_SLIP)
    if near and at_home:
        message = (
            f"{attribute} looks like the hook {near[0]} misspelt and unmarked; begin its name with '_' if it is none"
        )
        raise _fault(message, function)


def _items(hook: str, given: object, function: Callable[..., object]) -> Iterable[Any]:
    if isinstance(given, (str, bytes, Component)) or not isinstance(given, Iterable):
        raise _fault(f"{hook} must return a list of clsfw.Component, not {kind_of(given)}", function)
    items = list(islice(given, _MOST + 1))
    if len(items) > _MOST:
        raise _fault(f"{hook} gives more than {_MOST} components", function)
    return items


def _check_component(kind: Kind, component: Any, function: Callable[..., object]) -> None:
    hook = REGISTER_HOOKS[kind]
    if not isinstance(component, Component):
        raise _fault(f"{hook} must return a list of clsfw.Component, but one item is {kind_of(component)}", function)
    if not isinstance(component.name, str) or not NAME_PATTERN.fullmatch(component.name):
        words = f"{str(component.name)[:200]!r} is not a component name; use lower-case letters, digits, '-', '_', '.'"
        raise _fault(f"{hook}: {words}", function)
    if not isinstance(component.summary, str) or not component.summary.strip():
        raise _fault(f"{hook}: the summary of {component.name!r} must be a line of text", function)
    texts = (("name", component.name, _LONGEST_NAME), ("summary", component.summary, _LONGEST_SUMMARY))
    for what, text, longest in texts:
        if len(text) > longest:
            size = f"has {len(text)} characters; at most {longest} are allowed"
            raise _fault(f"{hook}: the {what} of {component.name[:longest]!r} {size}", function)
    if not (isinstance(component.settings, type) and issubclass(component.settings, Settings)):
        raise _fault(f"{hook}: the settings of {component.name!r} must be a subclass of clsfw.Settings", function)
    keys = {key for name, field in component.settings.model_fields.items() for key in (name, field.alias)}
    for key in _OWN_KEYS.get(kind, ("use",)):
        if key in keys:
            words = f"{component.name!r} has a setting {key!r}, which every {kind}'s table has already; rename it"
            raise _fault(f"{hook}: {words}", function)
    if not callable(component.build):
        raise _fault(f"{hook}: build of {component.name!r} cannot be called", function)
