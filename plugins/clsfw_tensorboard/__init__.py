"""The plugin `tensorboard`: a watcher that writes what a run logs for TensorBoard; list it under `plugins` in a recipe.

The event file lies beside the run directory, in `tensorboard/<name of the run directory>`, so `tensorboard --logdir
runs/tensorboard` shows all runs and no run directory holds anything that is not its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw import HostError, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Run


@hookimpl
def on_run_start(run: Run) -> None:
    """Begin anew: a continued run writes its history again, without the steps that it lost.

    Raises:
        HostError: the package tensorboard is not installed, or the event file cannot be written.

    """
    try:
        from clsfw_tensorboard.events import begin
    except ImportError as exc:
        raise HostError(
            "plugin 'tensorboard' needs the package tensorboard, which is not installed:"
            ' pip install "clsfw[tensorboard]"'
        ) from exc
    begin(run.directory)


@hookimpl
def on_step(run: Run, step: int, values: Mapping[str, float]) -> None:
    """Write a logged step under `train/`."""
    from clsfw_tensorboard.events import append

    append(run.directory, step, "train", values)


@hookimpl
def on_evaluate(run: Run, split: str, scores: Mapping[str, float]) -> None:
    """Write an evaluation under the name of its split."""
    from clsfw_tensorboard.events import append, last_step

    step = int(scores["step"]) if "step" in scores else last_step(run.directory)
    append(run.directory, step, split, {name: value for name, value in scores.items() if name != "step"})
