"""How far training is, which validation was the best, and how a checkpoint keeps both."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw import RunDirectoryError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clsfw_torch.settings import TorchTrainerSettings

_FORMAT = 3


@dataclass
class Progress:
    """How far training is after `step` steps.

    `loss_sum` and `loss_steps`: the window since the last logged step. `best_*`: the best validation so far.
    `stale`: validations since one that was better by the early-stopping threshold.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    best_value: float | None = None
    best_step: int | None = None
    stale: int = 0

    def judge(self, settings: TorchTrainerSettings, scores: Mapping[str, float]) -> bool:
        """Take the scores of a validation after this step, and return whether it is the best so far.

        Raises:
            TrainingError: the watched score is not among them.

        """
        name = settings.metric_for_best_model
        if name is None:
            return False
        if name not in scores:
            known = ", ".join(repr(given) for given in scores)
            raise TrainingError(f"metric_for_best_model {name!r}: the metrics give {known}")
        value = scores[name]
        gain = None if self.best_value is None else settings.better() * (value - self.best_value)
        # The threshold says what counts for patience; the best weights are those of the best score, by however little.
        self.stale = 0 if gain is None or gain > settings.early_stopping_threshold else self.stale + 1
        if gain is not None and gain <= 0:
            return False
        self.best_value, self.best_step = value, self.step
        return True

    def gave_up(self, settings: TorchTrainerSettings) -> bool:
        """Return whether so many validations brought nothing better that training ends."""
        patience = settings.early_stopping_patience
        return patience is not None and self.stale >= patience

    def text(self) -> str:
        """Return what a checkpoint keeps."""
        return json.dumps({"format": _FORMAT, "progress": dataclasses.asdict(self)}, allow_nan=False) + "\n"


def read_progress(file: Path, trainer: str) -> Progress:
    """Read what `Progress.text` gave.

    Raises:
        RunDirectoryError: the checkpoint is not of this version of this trainer.

    """
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise RunDirectoryError(f"{file.parent}: not a checkpoint of {trainer}; start again with --fresh") from exc
    if facts.get("format") != _FORMAT:
        raise RunDirectoryError(f"{file.parent}: written by another version of {trainer}; start again with --fresh")
    return Progress(**facts["progress"])
