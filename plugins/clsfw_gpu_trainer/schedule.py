"""How many steps a run takes, and the learning rate of each: what Hugging Face's `Trainer` does, as plain functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw import TrainingError

if TYPE_CHECKING:
    from clsfw_gpu_trainer import Every, GpuTrainerSettings

DEFAULT_EPOCHS = 3.0


@dataclass(frozen=True)
class Length:
    """`total`: optimizer steps of the whole run; `per_epoch`: of one pass over the training texts."""

    total: int
    per_epoch: int

    def due(self, every: Every | None, step: int) -> bool:
        """Tell whether something that happens `every` so often happens after this step; the last step always counts."""
        if every is None:
            return False
        period = self.per_epoch if every == "epoch" else every
        return step % period == 0 or step == self.total


def plan_length(settings: GpuTrainerSettings, rows: int) -> Length:
    """Count the steps for so many training texts; the last batch of an epoch, and its last step, may be short.

    Raises:
        TrainingError: there is nothing to train on.

    """
    if rows == 0:
        raise TrainingError("there are no training texts; look at [split] and at what the data source gives")
    per_epoch = math.ceil(rows / (settings.batch_size * settings.gradient_accumulation_steps))
    if settings.max_steps is not None:
        return Length(settings.max_steps, per_epoch)
    epochs = DEFAULT_EPOCHS if settings.num_train_epochs is None else settings.num_train_epochs
    return Length(math.ceil(epochs * per_epoch), per_epoch)


def learning_rate(settings: GpuTrainerSettings, total: int, step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    warmup = settings.warmup_steps or math.ceil(total * settings.warmup_ratio)
    if settings.lr_scheduler_type != "constant" and step < warmup:
        return settings.learning_rate * step / warmup
    done = (step - warmup) / max(1, total - warmup)
    match settings.lr_scheduler_type:
        case "linear":
            factor = 1 - done
        case "cosine":
            factor = 0.5 * (1 + math.cos(math.pi * done))
        case _:
            factor = 1.0
    return settings.learning_rate * max(0.0, factor)
