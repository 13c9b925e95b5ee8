"""The loss of a batch, as a sum over its rows and what to divide that sum by.

A batch is computed in parts of unequal size, so no part may take a mean of its own: each adds its sum over the batch's
total weight, and the gradients add up to those of the whole batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from clsfw_torch.weights import class_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw import Labels
    from clsfw_gpu_trainer import GpuTrainerSettings


@dataclass(frozen=True)
class Loss:
    """Cross-entropy, or with several labels per text binary cross-entropy; `weights` float32 [C] or None."""

    multi_label: bool
    weights: torch.Tensor | None
    smoothing: float

    def summed(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Sum over rows; `logits` [B, C]; `targets` class ids [B], or 0/1 [B, C] with several labels per text."""
        logits = logits.float()
        if self.multi_label:
            return functional.binary_cross_entropy_with_logits(
                logits, targets.float(), weight=self.weights, reduction="sum"
            )
        return functional.cross_entropy(
            logits, targets, weight=self.weights, label_smoothing=self.smoothing, reduction="sum"
        )

    def divisor(self, targets: NDArray[np.int64]) -> float:
        """Return what the sum over these rows is divided by, so that it becomes torch's own mean."""
        if self.multi_label:
            return float(targets.size)
        if self.weights is None:
            return float(len(targets))
        counts = np.bincount(targets, minlength=len(self.weights))
        return float(counts @ self._plain_weights)

    @cached_property
    def _plain_weights(self) -> NDArray[np.float64]:
        """The weights on the host, so that no step has to wait for the device to give them."""
        return np.ones(0) if self.weights is None else self.weights.cpu().double().numpy()

    def to(self, device: torch.device) -> Loss:
        """Return the same loss for logits on another device."""
        return Loss(self.multi_label, None if self.weights is None else self.weights.to(device), self.smoothing)


def choose_loss(settings: GpuTrainerSettings, labels: Labels, references: NDArray[np.int64]) -> Loss:
    """Make the loss for these labels; `references` are those of the training texts, for "balanced" class weights."""
    given = class_weights(settings, labels, references)
    weights = None if given is None else torch.from_numpy(given).float()
    return Loss(labels.multi_label, weights, settings.label_smoothing_factor)
