"""What the steps of one execution share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw.contract.parts import Model
    from clsfw.engine.prepare import PreparedData
    from clsfw.engine.run import Display
    from clsfw.engine.signals import StopSignals
    from clsfw.recipe.plan import Plan
    from clsfw.store.rundir import RunDirectory


@dataclass(frozen=True)
class Job:
    """A plan with all that it met: data and model, an open run directory, a display; `started` is a monotonic clock."""

    plan: Plan
    data: PreparedData
    model: Model
    model_facts: Mapping[str, str]
    store: RunDirectory
    display: Display
    signals: StopSignals
    started: float
