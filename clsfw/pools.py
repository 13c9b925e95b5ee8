"""Pools of workers for pieces of work, wherever `--on` says; what an executor's plugin raises is named as its own."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from clsfw.discovery.parts import BuiltExecutor, build_from_values
from clsfw.errors import PluginError, UsageError
from clsfw.kit.shapes import method_fault
from clsfw.kit.suggestions import offer, short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clsfw.contract.parts import Event, Pool, Resources
    from clsfw.discovery.plugins import Plugins

    Make = Callable[[Callable[[Any], None]], Callable[[Any], Any]]

HERE = "local"
"""The executor of this machine."""

_METHODS = {"begin": 2, "wait": 1, "stop": 0}


def find_executor(on: str, plugins: Plugins) -> BuiltExecutor:
    """Return the executor that `NAME` or `NAME://ADDRESS` names.

    Raises:
        UsageError: there is none of this name, or it does not take the address.
        HostError: a library that it needs is not installed.

    """
    name, has_address, address = on.partition("://")
    known = plugins.components("executor")
    if name not in known:
        set_aside = [f"{plugin} is {plugin.state}" for plugin in plugins.all if plugin.state != "ok"]
        more = f" (and {', '.join(set_aside)}; see `clsfw list-plugins`)" if set_aside else ""
        raise UsageError(f"there is no executor {short(name)}{offer(name, known)}{more}")
    plugin, component = known[name]
    if has_address and "address" not in component.settings.model_fields:
        raise UsageError(f"executor {name!r} takes no address; give --on {name}")
    try:
        return build_from_values(BuiltExecutor, plugin, component, {"address": address} if has_address else {})
    except ValidationError as exc:
        wrong = "; ".join(error["msg"][:1].lower() + error["msg"][1:] for error in exc.errors())
        raise UsageError(f"--on {short(on)}: {wrong}") from exc


@dataclass(frozen=True)
class _Guarded:
    """A pool whose calls name the executor where they fail."""

    executor: BuiltExecutor
    pool: Pool

    def begin(self, number: int, piece: Any) -> None:
        """As `Pool.begin`."""
        with self.executor.guarded("begin"):
            self.pool.begin(number, piece)

    def wait(self, timeout: float) -> Sequence[Event]:
        """As `Pool.wait`."""
        with self.executor.guarded("wait"):
            return self.pool.wait(timeout)

    def stop(self) -> None:
        """As `Pool.stop`."""
        with self.executor.guarded("stop"):
            self.pool.stop()


@contextmanager
def opened(executor: BuiltExecutor, make: Make, workers: int, each: Resources) -> Iterator[Pool]:
    """Open a pool, and end its workers afterwards.

    Raises:
        PluginError: the plugin failed, or gave something else than a pool.

    """
    with executor.guarded("open"):
        context = executor.part.open(make, workers, each)
        pool = context.__enter__()
    try:
        fault = next((f for method, count in _METHODS.items() if (f := method_fault(pool, method, count))), None)
        if fault is not None:
            raise PluginError(f"{executor}: open gave {fault}")
        yield _Guarded(executor, pool)
    finally:
        with executor.guarded("the end of its pool"):
            context.__exit__(*sys.exc_info())
