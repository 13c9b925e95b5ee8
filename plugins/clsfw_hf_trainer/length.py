"""How many steps a run takes, and when something falls due."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw import TrainingError

if TYPE_CHECKING:
    from clsfw_hf_trainer import Every, HfTrainerSettings

_DEFAULT_EPOCHS = 3.0


@dataclass(frozen=True)
class Length:
    """`total`: optimizer steps of the whole run; `per_epoch`: of one pass over the training texts."""

    total: int
    per_epoch: int

    def due(self, every: Every | None, step: int) -> bool:
        """Tell whether something falls due after this step; the last step always counts, as it does for `Trainer`."""
        if every is None:
            return False
        period = self.per_epoch if every == "epoch" else every
        return step % period == 0 or step == self.total


def plan_length(settings: HfTrainerSettings, rows: int) -> Length:
    """Count the steps for so many training texts as `Trainer` counts them.

    Raises:
        TrainingError: there is nothing to train on.

    """
    if rows == 0:
        raise TrainingError("there are no training texts; look at [split] and at what the data source gives")
    batches = math.ceil(rows / settings.batch_size)
    per_epoch = math.ceil(batches / settings.gradient_accumulation_steps)
    if settings.max_steps is not None:
        return Length(settings.max_steps, per_epoch)
    epochs = _DEFAULT_EPOCHS if settings.num_train_epochs is None else settings.num_train_epochs
    return Length(math.ceil(epochs * per_epoch), per_epoch)
