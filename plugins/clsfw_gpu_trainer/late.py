"""The component as the engine gets it: torch is imported when something is to be computed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from clsfw import TorchClassifier
from clsfw_torch.length import look_ahead, require_torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset

    from clsfw import Prediction, Reporter, Run
    from clsfw_gpu_trainer import GpuTrainerSettings
    from clsfw_gpu_trainer.trainer import GpuTrainer


class LateTrainer:
    """Plans by itself, and hands the work to a `GpuTrainer`."""

    needs: ClassVar[type[Any]] = TorchClassifier
    takes_pairs = True

    def __init__(self, settings: GpuTrainerSettings) -> None:
        require_torch()
        self._settings = settings

    @cached_property
    def _trainer(self) -> GpuTrainer:
        from clsfw_gpu_trainer.trainer import GpuTrainer

        return GpuTrainer(self._settings)

    def fit(self, model: TorchClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place; see `Trainer.fit`."""
        self._trainer.fit(model, data, run)

    def assist(self, model: TorchClassifier, data: Mapping[str, Dataset], seed: int, reporter: Reporter) -> None:
        """Help the first process; see `TrainsTogether.assist`."""
        self._trainer.assist(model, data, seed, reporter)

    def predict(self, model: TorchClassifier, texts: Sequence[Any], reporter: Reporter) -> Prediction:
        """Predict in the order given; see `Trainer.predict`."""
        return self._trainer.predict(model, texts, reporter)

    def plan_training(self, rows: int, parameters: int) -> dict[str, float]:
        """Say what a fit will take, activations not counted; see `PlansTraining`."""
        return look_ahead(self._settings, rows, parameters)
