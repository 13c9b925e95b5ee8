"""Linear layers in bf16 where nothing is trained: what autocast computes, with weights that are cast once.

An attention's query, key and value read the same vectors: these are cast once, and multiplied once by the three
weights in one piece. The weights are laid out as oneDNN reads them, where torch offers that.
"""

from __future__ import annotations

import contextlib
from functools import cache, partial
from typing import TYPE_CHECKING, TypeGuard

import torch
from torch.nn.functional import linear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Product = Callable[[torch.Tensor], torch.Tensor]

_TOGETHER = (("query", "key", "value"), ("q_lin", "k_lin", "v_lin"), ("q_proj", "k_proj", "v_proj"))
"""What the architectures of transformers call the layers that read the same vectors, in the order of the calls."""


class HalfLinears:
    """The linear layers of a module with bf16 copies of their weights, which are good until a weight changes."""

    def __init__(self, module: torch.nn.Module) -> None:
        """Copy the weights of all linear layers of exactly torch's class that are in float32."""
        self._module = module
        attending = [
            layers
            for parent in module.modules()
            for names in _TOGETHER
            if len(layers := [layer for name in names if _plain(layer := getattr(parent, name, None))]) == len(names)
        ]
        together = {id(layer) for layers in attending for layer in layers}
        alone = [[layer] for layer in module.modules() if _plain(layer) and id(layer) not in together]
        self._groups = [_Group(layers) for layers in attending + alone]
        copied = [tensor.detach() for group in self._groups for layer in group.layers for tensor in layer.parameters()]
        self._firsts = [tensor.flatten()[:1] for tensor in copied]  # one number of each, where it lies
        self._state = self._now()

    def serves(self, module: torch.nn.Module) -> bool:
        """Return whether these are the module's layers, and no weight has changed since they were copied."""
        return module is self._module and self._state == self._now()

    def _now(self) -> tuple[list[tuple[int, int]], list[float]]:
        # torch counts the changes of a tensor, but not those by its fused optimizers, which leave no number as it was.
        counted = [
            (tensor.data_ptr(), tensor._version)  # noqa: SLF001  # the count has no public name
            for group in self._groups
            for layer in group.layers
            for tensor in layer.parameters()
        ]
        return counted, torch.cat(self._firsts).tolist() if self._firsts else []

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Let the layers compute with the copies while the block runs."""
        try:
            for group in self._groups:
                for index, layer in enumerate(group.layers):
                    vars(layer)["forward"] = partial(group, index)  # stands before that of the class
            yield
        finally:
            for group in self._groups:
                group.forget()
                for layer in group.layers:
                    vars(layer).pop("forward", None)


class _Group:
    """Layers of one input, called one after the other: the first one that is called with it computes for the rest."""

    def __init__(self, layers: list[torch.nn.Linear]) -> None:
        self.layers = layers
        self._products: dict[int, Product] = {}
        self.forget()

    def forget(self) -> None:
        """Let go of the last input and what came of it."""
        self._input: torch.Tensor | None = None
        self._outputs: dict[int, torch.Tensor] = {}

    def __call__(self, index: int, given: torch.Tensor) -> torch.Tensor:
        if given is not self._input or index not in self._outputs:
            # With first tokens alone the query reads other vectors than key and value, which then are a product of two.
            layers = self.layers[index:]
            if index not in self._products:
                self._products[index] = _product(layers)
            products = self._products[index](given.to(torch.bfloat16))  # [..., F1 + F2 + ...]
            self._input = given
            sizes = [len(layer.weight) for layer in layers]
            self._outputs = dict(enumerate(products.split_with_sizes(sizes, dim=-1), index))
        output = self._outputs.pop(index)
        if not self._outputs:
            self.forget()
        return output


def _plain(layer: object) -> TypeGuard[torch.nn.Linear]:
    return type(layer) is torch.nn.Linear and layer.weight.dtype == torch.float32


def _product(layers: list[torch.nn.Linear]) -> Product:
    """Return what multiplies vectors [..., D] in bf16 by the weights of all layers, [F1 + F2 + ..., D]."""
    weight = torch.cat([layer.weight.detach() for layer in layers]).to(torch.bfloat16)
    bias = None
    if any(layer.bias is not None for layer in layers):
        none = weight.new_zeros(len(weight), dtype=torch.float32)
        given = [none[: len(one.weight)] if one.bias is None else one.bias.detach() for one in layers]
        bias = torch.cat(given).to(torch.bfloat16)
    return _laid_out(weight, bias) if _can_lay_out() else partial(linear, weight=weight, bias=bias)


def _laid_out(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """Multiply by weights in oneDNN's own layout, which needs no copy of the bias into each result either.

    It is what torch's compiler puts for linear layers on a CPU; its operations have no public name.
    """
    ops = torch.ops.mkldnn
    laid_out = ops._reorder_linear_weight(weight)  # noqa: SLF001
    return lambda given: ops._linear_pointwise(given, laid_out, bias, "none", [], "")  # noqa: SLF001


@cache
def _can_lay_out() -> bool:
    """Return whether this torch has those operations, and they give what its linear layers give."""
    generator = torch.Generator().manual_seed(0)
    given, weight, bias = (
        torch.randn(shape, generator=generator).to(torch.bfloat16) for shape in ((1, 8, 32), (16, 32), (16,))
    )
    try:
        found = _laid_out(weight, bias)(given)
    except (AttributeError, RuntimeError):
        return False
    return torch.allclose(found, linear(given, weight, bias), rtol=2**-7, atol=2**-7)
