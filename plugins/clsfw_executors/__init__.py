"""The executor `local`: pieces of work on this machine, in processes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw import Component, Settings, hookimpl

if TYPE_CHECKING:
    from clsfw import Executor


def build_local(_: Settings) -> Executor:
    """Build the executor of this machine."""
    from clsfw_executors.local import LocalExecutor

    return LocalExecutor()


@hookimpl
def register_executors() -> list[Component[Executor]]:
    """Contribute `local`."""
    return [
        Component(
            name="local",
            summary="this machine: each worker a process of its own with a fixed number of threads",
            settings=Settings,
            build=build_local,
        )
    ]
