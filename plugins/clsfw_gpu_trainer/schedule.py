"""The learning rate of each step: what Hugging Face's `Trainer` does, as a plain function."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clsfw_gpu_trainer import GpuTrainerSettings


def learning_rate(settings: GpuTrainerSettings, total: int, step: int) -> float:
    """Return the learning rate of a step, counted from 0, of `total` steps."""
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
