"""The hooks: one for each kind of component that a plugin contributes.

A plugin implements any of them, each marked with `clsfw.hookimpl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clsfw.contract.component import Component
    from clsfw.contract.parts import DataSource, Executor, Exporter, Metric, Model, Searcher, Trainer, Watcher

hookspec = pluggy.HookspecMarker("clsfw")
hookimpl = pluggy.HookimplMarker("clsfw")


@hookspec
def register_data_sources() -> Iterable[Component[DataSource]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute data sources; called once, when plugins are discovered, so keep it light."""


@hookspec
def register_models() -> Iterable[Component[Model]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute models; called once, when plugins are discovered, so keep it light."""


@hookspec
def register_trainers() -> Iterable[Component[Trainer[Any]]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute trainers; called once, when plugins are discovered, so keep it light."""


@hookspec
def register_metrics() -> Iterable[Component[Metric]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute metrics; called once, when plugins are discovered, so keep it light."""


@hookspec
def register_watchers() -> Iterable[Component[Watcher]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute watchers; called once, when plugins are discovered, so keep it light."""


@hookspec
def register_searchers() -> Iterable[Component[Searcher]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute searchers of settings; called once, when plugins are discovered, so keep it light."""


@hookspec
def register_exporters() -> Iterable[Component[Exporter]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute exporters; called once, when plugins are discovered, so keep it light."""


@hookspec
def register_executors() -> Iterable[Component[Executor]]:  # type: ignore[empty-body]  # a spec has no body
    """Contribute executors; called once, when plugins are discovered, so keep it light."""
