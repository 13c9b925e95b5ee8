"""Gradient checkpointing: layers are computed again in the backward pass, so that what is inside them is not kept."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from clsfw import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

    from clsfw_torch.dropout import RandomMasks


@contextlib.contextmanager
def recomputed(module: torch.nn.Module, masks: RandomMasks | None = None) -> Iterator[None]:
    """Let the layers of a Hugging Face model be computed again while the block runs; `masks` gives their dropout.

    Gradients are those of layers that are kept, bit for bit: the same dropout is drawn again.

    Raises:
        ModelError: the model has no such layers.

    """
    layers: list[Any] = [part for part in module.modules() if isinstance(part, GradientCheckpointingLayer)]
    if not layers:
        raise ModelError(
            f"gradient_checkpointing: {type(module).__name__} has no layers that can be computed again; leave it out"
        )

    def compute(function: Any, *arguments: Any) -> Any:
        return _kept_by_its_input(function, masks, *arguments)

    for layer in layers:
        layer.gradient_checkpointing, layer._gradient_checkpointing_func = True, compute  # noqa: SLF001  # set from outside by design
    try:
        yield
    finally:
        for layer in layers:
            del layer.gradient_checkpointing, layer._gradient_checkpointing_func  # noqa: SLF001  # as above


def computed_again(module: torch.nn.Module, inputs: Mapping[str, Any], masks: RandomMasks) -> Any:
    """Return what a module gives for some inputs, without keeping what is inside; gradients as in `recomputed`."""
    return _kept_by_its_input(module, masks, **inputs)


def _kept_by_its_input(function: Any, masks: RandomMasks | None, *arguments: Any, **named: Any) -> Any:
    def contexts() -> tuple[contextlib.AbstractContextManager[Any], contextlib.AbstractContextManager[Any]]:
        # Asked when it begins: torch keeps its own random numbers by itself, but knows nothing of the masks.
        return contextlib.nullcontext(), contextlib.nullcontext() if masks is None else masks.again()

    return checkpoint(function, *arguments, use_reentrant=False, context_fn=contexts, **named)
