"""The loss, written out from its definition, is the mean that torch's own loss functions give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from clsfw.contract.parts import Labels
from clsfw_hf_trainer import HfTrainerSettings
from clsfw_hf_trainer.loss import choose_loss

THREE = Labels(("a", "b", "c"))
SEVERAL = Labels(("a", "b", "c"), multi_label=True)
WEIGHTS = [0.5, 2.0, 0.0]


def own_mean(settings: dict[str, Any], labels: Labels, logits: torch.Tensor, references: torch.Tensor) -> float:
    loss = choose_loss(HfTrainerSettings(**settings), labels, references.numpy())
    return (loss.summed(logits, references) / loss.divisor(references)).item()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_one_label_per_text(weights: list[float] | None, smoothing: float) -> None:
    logits = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)) * 5
    references = torch.tensor([0, 1, 2, 2, 1, 1, 0])

    given = own_mean({"class_weights": weights, "label_smoothing_factor": smoothing}, THREE, logits, references)

    weight = None if weights is None else torch.tensor(weights)
    expected = functional.cross_entropy(logits, references, weight=weight, label_smoothing=smoothing)
    assert given == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_several_labels_per_text(weights: list[float] | None) -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)) * 50
    references = torch.tensor([[0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1]])

    given = own_mean({"class_weights": weights}, SEVERAL, logits, references)

    weight = None if weights is None else torch.tensor(weights)
    expected = functional.binary_cross_entropy_with_logits(logits, references.float(), weight=weight)
    assert given == pytest.approx(expected.item(), rel=1e-6)


def test_balanced_weights_come_from_the_training_texts() -> None:
    loss = choose_loss(HfTrainerSettings(class_weights="balanced"), THREE, np.array([0, 0, 1, 2]))

    assert loss.weights.tolist() == [2 / 3, 4 / 3, 4 / 3]
