"""How many steps a run takes, when something falls due, and how much memory and disk that needs."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw import TrainingError

if TYPE_CHECKING:
    from clsfw_torch.settings import Every, TorchTrainerSettings

_DEFAULT_EPOCHS = 3.0

# Bytes for each parameter, float32: the weight, its gradient and AdamW's two moments; a checkpoint lacks the gradient.
_MEMORY_PER_PARAMETER = 16
_DISK_PER_PARAMETER = 12
_WEIGHT = 4


@dataclass(frozen=True)
class Length:
    """`total`: optimizer steps of the whole run; `per_epoch`: of one pass over the training texts."""

    total: int
    per_epoch: int

    def due(self, every: Every | None, step: int) -> bool:
        """Return whether what happens `every` so often happens after this step; the last step always counts."""
        if every is None:
            return False
        period = self.per_epoch if every == "epoch" else every
        return step % period == 0 or step == self.total

    def facts(self) -> dict[str, float]:
        """Return what run.json should hold."""
        return {"steps": self.total, "epochs": self.total / self.per_epoch}


def plan_length(settings: TorchTrainerSettings, rows: int) -> Length:
    """Count the steps for so many training texts; the last batch of an epoch, and its last step, may be short.

    Raises:
        TrainingError: there is nothing to train on.

    """
    if rows == 0:
        raise TrainingError("there are no training texts; look at [split] and at what the data source gives")
    per_epoch = math.ceil(rows / (settings.batch_size * settings.gradient_accumulation_steps))
    if settings.max_steps is not None:
        return Length(settings.max_steps, per_epoch)
    epochs = _DEFAULT_EPOCHS if settings.num_train_epochs is None else settings.num_train_epochs
    return Length(math.ceil(epochs * per_epoch), per_epoch)


def plan_needs(settings: TorchTrainerSettings, rows: int, parameters: int) -> dict[str, float]:
    """Return what a fit takes, activations not counted, for `PlansTraining`; `parameters` are those that it trains."""
    best = _WEIGHT if settings.load_best_model_at_end else 0
    kept = settings.save_total_limit + 1  # the next one is written before the oldest goes
    return {
        **plan_length(settings, rows).facts(),
        "memory_bytes": parameters * (_MEMORY_PER_PARAMETER + best),
        "disk_bytes": parameters * ((_DISK_PER_PARAMETER + best) * kept + _WEIGHT),
    }


def look_ahead(settings: TorchTrainerSettings, rows: int, parameters: int) -> dict[str, float]:
    """Return `plan_needs`, and see that a device that the settings ask for is there.

    Raises:
        TrainingError: there is nothing to train on.
        HostError: the device is not there, or cannot compute as asked.

    """
    if settings.device == "cuda" or settings.precision in {"bf16", "tf32"}:  # all else can be had anywhere
        from clsfw_torch.target import require_device  # imports torch

        require_device(settings)
    return plan_needs(settings, rows, parameters)


def require_torch(*others: str) -> None:
    """See that torch, and other libraries, can be imported, without importing them.

    Raises:
        ModuleNotFoundError: one of them is not installed.

    """
    for library in ("torch", *others):
        if importlib.util.find_spec(library) is None:
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)
