"""The part of a process that helps another one to train: everything up to the fit, and nothing of the run directory."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from clsfw.engine.execute import run_path
from clsfw.engine.prepare import prepare_data, start_classifier
from clsfw.errors import UsageError
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.place import is_run
from clsfw.store.rundir import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from clsfw.recipe.plan import Plan


def is_assistant() -> bool:
    """Return whether torchrun started this process as another than the first one."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and os.environ.get("RANK", "0") != "0"


def assist(plan: Plan, *, out: str | Path | None = None, fresh: bool = False) -> None:
    """Help the first process, which runs the same plan, to train; where the run is complete, there is nothing to do.

    Raises:
        UsageError: the plan's trainer knows one process only.
        ClsfwError: as the first process raises it.

    """
    path = run_path(plan, out)
    if not fresh and is_run(path) and read_run(path, allow_incomplete=True, verify=False)["state"] == "complete":
        return
    display = Quiet()
    parts = plan.build()
    if not parts.trainer.trains_together:
        raise UsageError(f"trainer {parts.trainer.name!r} trains in one process; start clsfw without torchrun")
    # What stops a run is for the first process to obey, between two steps; it then tells the others.
    with StopSignals(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the first process says them
        data = prepare_data(plan, parts.source, display)
        classifier = start_classifier(plan, parts, data.labels, data.parts["train"], display)
        parts.trainer.assist(classifier, data.parts, plan.recipe.seed, display)
