"""Weights in 4 bits (NF4 of QLoRA, arXiv 2305.14314, section 3) by `bitsandbytes`: frozen ones under adapters.

Only how weights are packed is taken from the library: products are made of unpacked weights, on each device and in
training as in prediction, so that a weight is the same number wherever it is used.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import torch

from clsfw import HostError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_BLOCK = 64  # weights that share a scale, as in the paper
_BYTES = 0.5 + 4 / _BLOCK  # of one weight, with its share of the scale


def require_bitsandbytes() -> None:
    """See that bitsandbytes is installed.

    Raises:
        HostError: it is not.

    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise HostError("[model.lora] dtype = 'nf4' needs the library bitsandbytes: pip install 'clsfw[qlora]'")


def layers_to_pack(module: PreTrainedModel) -> dict[str, torch.nn.Linear]:
    """Return the linear layers, by name, of a model without its head; adapters are none of them."""
    base: Any = module.base_model
    linear = {name: part for name, part in base.named_modules() if isinstance(part, torch.nn.Linear)}
    return {name: part for name, part in linear.items() if ".lora_" not in name}


def told_cost(module: PreTrainedModel) -> str:
    """Return what is gained and what it costs, as `clsfw check` says it."""
    packed = sum(layer.weight.numel() for layer in layers_to_pack(module).values())
    rest = sum(parameter.numel() for parameter in module.parameters()) - packed
    now, before = ((packed * each + rest * 4) / 2**20 for each in (_BYTES, 4))
    return (
        f"{packed:,} weights; all take {now:,.1f} MiB while training instead of {before:,.1f}, and each is rounded to "
        "one of 16 values per block of 64; to begin, to end and saved they are float32"
    )


def pack_frozen(module: PreTrainedModel) -> None:
    """Hold the weights of a model's frozen linear layers in 4 bits, in place.

    Raises:
        HostError: bitsandbytes is not installed.

    """
    require_bitsandbytes()
    for name, layer in layers_to_pack(module).items():
        module.base_model.set_submodule(name, FourBits(layer))


class FourBits(torch.nn.Module):
    """A linear layer whose weight [O, I] is held in 4 bits, and not trained."""

    packed: torch.Tensor  # uint8 [O * I / 2, 1]
    scales: torch.Tensor  # float32 [O * I / 64]

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        from bitsandbytes.functional import quantize_4bit

        packed, state = quantize_4bit(layer.weight.detach(), blocksize=_BLOCK, quant_type="nf4")
        self.shape = layer.weight.shape
        self.bias = layer.bias
        self.register_buffer("packed", packed)
        self.register_buffer("scales", state.absmax)

    def unpacked(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the weight [O, I]."""
        from bitsandbytes.functional import QuantState, dequantize_4bit

        state = QuantState(  # type: ignore[no-untyped-call]  # the library leaves it untyped
            self.scales, shape=self.shape, dtype=dtype, blocksize=_BLOCK, quant_type="nf4"
        )
        weight: torch.Tensor = dequantize_4bit(self.packed, state)
        return weight

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return [..., O] for values [..., I]."""
        kind = values.device.type
        if torch.is_autocast_enabled(kind):
            values = values.to(torch.get_autocast_dtype(kind))
        product: torch.Tensor = _Product.apply(values, self)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return product if self.bias is None else product + self.bias.to(product.dtype)


class _Product(torch.autograd.Function):
    """Values times a weight that is unpacked again for the backward pass, instead of being kept for it."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, layer: FourBits) -> torch.Tensor:
        ctx.layer = layer
        return values @ layer.unpacked(values.dtype).T

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradient @ ctx.layer.unpacked(gradient.dtype), None
