"""Copies of a module's weights, and what each class weighs in the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clsfw import HostError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from clsfw import Labels
    from clsfw_torch.settings import TorchTrainerSettings
    from clsfw_torch.target import Target


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of parameters and saved buffers on their device; a tensor that has two names is there once."""
    copies: dict[str, torch.Tensor] = {}
    seen: set[tuple[int, torch.Size]] = set()
    for name, value in module.state_dict().items():
        place = (value.data_ptr(), value.shape)
        if place not in seen:
            seen.add(place)
            copies[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return copies


def holds_bf16(module: torch.nn.Module) -> bool:
    """Return whether some weights are bf16: frozen ones under adapters may be."""
    return any(parameter.dtype is torch.bfloat16 for parameter in module.parameters())


def require_precision(module: torch.nn.Module, target: Target) -> None:
    """See that products can take the weights as they are held.

    Raises:
        HostError: some are bf16, and the arithmetic is not.

    """
    if holds_bf16(module) and target.precision != "bf16":
        raise HostError(
            f"[model.lora] dtype = 'bfloat16' needs arithmetic in bf16, and here it is {target.precision}; "
            "write precision = 'bf16' under [trainer], or leave dtype out"
        )


def load_weights(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Take over what `weights` gave for this module."""
    current = module.state_dict()
    with torch.no_grad():
        for name, value in tensors.items():
            current[name].copy_(value)


def class_weights(
    settings: TorchTrainerSettings, labels: Labels, references: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Return what each class weighs in the loss, [C], or None where all weigh 1.

    `references`: the class ids [N] of the training texts, or 0/1 [N, C] with several labels per text.

    Raises:
        TrainingError: "balanced" weights are asked for, and a class has no training text.

    """
    given = settings.class_weights
    if given is None:
        return None
    if isinstance(given, dict):
        return np.array([given.get(name, 1.0) for name in labels.names], dtype=np.float64)
    if given != "balanced":
        return np.asarray(given, dtype=np.float64)
    counts = np.bincount(references, minlength=len(labels.names))
    absent = [name for name, count in zip(labels.names, counts, strict=True) if count == 0]
    if absent:
        raise TrainingError(f"class_weights 'balanced': no training text has the label {absent[0]!r}")
    # scikit-learn's rule: each class weighs as much in all as every other.
    balanced: NDArray[np.float64] = len(references) / (len(counts) * counts)
    return balanced
