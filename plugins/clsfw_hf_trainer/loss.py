"""The loss of a whole effective batch, written out from its definition: a sum over rows, divided by what they weigh.

`Trainer` would take a mean for each accumulated batch; with a short last one or with class weights, such means do not
add up to the loss of the whole. It uses none of torch's loss functions, and so is a check of the trainers that do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from clsfw_torch.weights import class_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from clsfw import Labels
    from clsfw_hf_trainer import HfTrainerSettings


@dataclass(frozen=True)
class Loss:
    """Cross-entropy, or with several labels per text binary cross-entropy; `weights` float64 [C]."""

    multi_label: bool
    weights: torch.Tensor
    smoothing: float

    def summed(self, logits: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
        """Sum over rows; `logits` [B, C]; `references` class ids [B], or 0/1 [B, C] with several labels per text."""
        logits = logits.double()
        if self.multi_label:
            log_yes, log_no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
            found = references * log_yes + (1 - references) * log_no
        else:
            # The classes' shares [B, C] of a text: all for its own, less what label smoothing spreads over every one.
            classes = logits.shape[1]
            shares = functional.one_hot(references, classes) * (1 - self.smoothing) + self.smoothing / classes
            found = shares * logits.log_softmax(dim=1)
        return -(found * self.weights.to(logits.device)).sum()

    def divisor(self, references: torch.Tensor) -> torch.Tensor:
        """Return what the sum over these rows is divided by: their weights, or with several labels per text B * C."""
        if self.multi_label:
            return torch.tensor(float(references.numel()), device=references.device)
        return self.weights.to(references.device)[references].sum()


def choose_loss(settings: HfTrainerSettings, labels: Labels, references: NDArray[np.int64]) -> Loss:
    """Make the loss for these labels; `references` are those of the training texts, for "balanced" class weights."""
    given = class_weights(settings, labels, references)
    weights = torch.ones(len(labels.names), dtype=torch.float64) if given is None else torch.from_numpy(given)
    return Loss(labels.multi_label, weights, settings.label_smoothing_factor)
