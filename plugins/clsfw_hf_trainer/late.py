"""The component as the engine gets it: torch and transformers are imported when something is to be computed."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from clsfw import HostError, TorchClassifier
from clsfw_torch.length import look_ahead, require_torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset

    from clsfw import Prediction, Reporter, Run
    from clsfw_hf_trainer import HfTrainerSettings
    from clsfw_hf_trainer.trainer import HfTrainer


class LateTrainer:
    """Plans by itself, and hands the work to a `HfTrainer`."""

    needs: ClassVar[type[Any]] = TorchClassifier
    takes_pairs = True

    def __init__(self, settings: HfTrainerSettings) -> None:
        require_torch("transformers", "accelerate")
        self._settings = settings

    @cached_property
    def _trainer(self) -> HfTrainer:
        from clsfw_hf_trainer.trainer import HfTrainer

        return HfTrainer(self._settings)

    def fit(self, model: TorchClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place; see `Trainer.fit`."""
        self._trainer.fit(model, data, run)

    def predict(self, model: TorchClassifier, texts: Sequence[Any], reporter: Reporter) -> Prediction:
        """Predict in the order given; see `Trainer.predict`."""
        return self._trainer.predict(model, texts, reporter)

    def plan_training(self, rows: int, parameters: int) -> dict[str, float]:
        """Say what a fit will take, activations not counted; see `PlansTraining`."""
        require_one_process()
        return look_ahead(self._settings, rows, parameters)


def require_one_process() -> None:
    """See that this is not one of several processes.

    Raises:
        HostError: it is.

    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # torchrun sets it
        raise HostError("hf-trainer trains in one process; without torchrun it runs, and gpu-trainer runs with it")
