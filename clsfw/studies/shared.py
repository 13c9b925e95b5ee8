"""Data that several runs read and cut alike, read and cut once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.engine.prepare import prepare_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from clsfw.discovery.parts import BuiltSource
    from clsfw.engine.prepare import PreparedData
    from clsfw.recipe.plan import Plan
    from clsfw.report.display import Display

    Prepare = Callable[[Plan, BuiltSource, Display], PreparedData]


class SharedData:
    """Reads and cuts the data once for all runs that read and cut it alike."""

    def __init__(self, prepare: Prepare = prepare_data) -> None:
        self._prepare = prepare
        self._held: tuple[object, PreparedData] | None = None

    def __call__(self, plan: Plan, source: BuiltSource, display: Display) -> PreparedData:
        """Prepare the data of a plan, as `prepare_data`."""
        resolved, recipe = plan.resolved(), plan.recipe
        seed = recipe.split.seed if recipe.split is not None and recipe.split.seed is not None else recipe.seed
        shuffled = recipe.split is not None and recipe.split.method in {"random", "stratified"}
        cut = {key: value for key, value in resolved.get("split", {}).items() if key != "seed"}
        key = (resolved["data"], cut, resolved["evidence"], seed if shuffled else None)
        if self._held is None or self._held[0] != key:
            self._held = (key, self._prepare(plan, source, display))
        else:
            plan.check_labels(self._held[1].labels)
        return self._held[1]
