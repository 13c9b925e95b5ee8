"""Whether an object has the methods that a protocol asks for, seen before any of them is called."""

from __future__ import annotations

import difflib
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SLIP = 0.88  # so like a method's name that it is a slip of the pen


def kind_of(value: object) -> str:
    """Say what something is, by its type."""
    return "None" if value is None else f"a {type(value).__name__}"


def line_of(function: Callable[..., object]) -> str:
    """Return where a function begins, as ` (file.py:3)`; nothing where it is not Python's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f" ({code.co_filename}:{code.co_firstlineno})" if code else ""


def method_fault(part: Any, method: str, count: int) -> str | None:
    """Return why a method cannot be called with so many arguments, or None."""
    function = getattr(part, method, None)
    if not callable(function):
        return f"{kind_of(part)}, which has no method {method}"
    if _never_runs(function):
        return f"{kind_of(part)}, whose {method} is async or has a yield, so that its body would never run"
    if not _takes(function, *range(count)):
        return f"{kind_of(part)}, whose {method}{inspect.signature(function)} does not take {count} arguments"
    return None


def watcher_fault(part: Any, hooks: Mapping[str, tuple[str, ...]]) -> str | None:
    """Return why something has none of the methods `hooks`, or one that cannot be called with these arguments."""
    found = {hook: getattr(part, hook) for hook in hooks if callable(getattr(part, hook, None))}
    if not found:
        return f"{kind_of(part)}, which has none of the methods {', '.join(hooks)}"
    for hook, function in found.items():
        if _never_runs(function):
            return f"{kind_of(part)}, whose {hook} is async or has a yield, so that its body would never run"
        if not _takes(function, **dict.fromkeys(hooks[hook])):
            return f"{kind_of(part)}, whose {hook} must take the arguments {', '.join(hooks[hook])}"
    for name in dir(part):
        near = difflib.get_close_matches(name, hooks, n=1, cutoff=_SLIP)
        if near and name not in hooks:
            return f"{kind_of(part)}, whose {name} looks like {near[0]} misspelt, and would never be called"
    return None


def _never_runs(function: Callable[..., object]) -> bool:
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(is_kind(function) for is_kind in kinds)


def _takes(function: Callable[..., object], *positional: object, **named: object) -> bool:
    try:
        inspect.signature(function).bind(*positional, **named)
    except TypeError:
        return False
    except ValueError:  # built-in functions do not all tell
        return True
    return True
