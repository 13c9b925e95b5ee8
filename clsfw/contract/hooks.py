"""The hooks: four contribute components, four watch a run.

A plugin implements any of them, each marked with `clsfw.hookimpl`. A watching hook cannot change a run: the recipe
alone decides the result. It fires for the plugins that the recipe's parts come from and for those that the recipe lists
under `plugins = [...]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clsfw.contract.component import Component
    from clsfw.contract.parts import DataSource, Metric, Model, Trainer
    from clsfw.contract.run import Run

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
def on_run_start(run: Run) -> None:
    """Watch a run begin: its directory is open and locked, its data and model are ready, training has not begun."""


@hookspec
def on_step(run: Run, step: int, values: Mapping[str, float]) -> None:
    """Watch a logged training step; `values` holds `loss`, and `learning_rate` where the trainer has one."""


@hookspec
def on_evaluate(run: Run, split: str, scores: Mapping[str, float]) -> None:
    """Watch an evaluation of `split`, during training (with `step` among the scores) or at the end."""


@hookspec
def on_run_end(run: Run, error: BaseException | None) -> None:
    """Watch a run end, well or with `error`; always called when `on_run_start` was."""
