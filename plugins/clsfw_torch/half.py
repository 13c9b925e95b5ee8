"""Linear layers in bf16 on the CPU: what autocast computes, with weights that are cast once.

An attention's query, key and value read the same vectors: these are cast once, and to predict they are multiplied once
by the three weights in one piece. Where torch offers that, oneDNN adds the bias within the product, and to predict it
gets the weights in its own layout.
"""

from __future__ import annotations

import contextlib
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch.nn.functional import linear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Product = Callable[[torch.Tensor], torch.Tensor]
    Products = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]

_TOGETHER = (("query", "key", "value"), ("q_lin", "k_lin", "v_lin"), ("q_proj", "k_proj", "v_proj"))
"""What the architectures of transformers call the layers that read the same vectors, in the order of the calls."""


class HalfLinears:
    """The linear layers of a module with bf16 copies of their weights, which are good until a weight changes."""

    def __init__(self, module: torch.nn.Module) -> None:
        """Copy the weights of all linear layers of exactly torch's class that are in float32."""
        self._module = module
        self._groups = _groups(module, _in_one)
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

    def applied(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the layers compute with the copies."""
        return _applied(self._groups)


def trained_in_half(module: torch.nn.Module) -> contextlib.AbstractContextManager[None]:
    """Return a context around the passes of a step in which linear layers are cast once, and gradients are float32.

    It is for layers of exactly torch's class that are in float32, and leaves what autocast is off for in float32.
    """
    return _applied(_groups(module, _trained))


@contextlib.contextmanager
def _applied(groups: list[_Group]) -> Iterator[None]:
    try:
        for group in groups:
            for index, layer in enumerate(group.layers):
                vars(layer)["forward"] = partial(group, index)  # stands before that of the class
        yield
    finally:
        for group in groups:
            group.forget()
            for layer in group.layers:
                vars(layer).pop("forward", None)


def _groups(module: torch.nn.Module, make: Callable[[list[torch.nn.Linear]], Products]) -> list[_Group]:
    """Return the linear layers of a module by the input that they read; `make` makes a product of such layers."""
    attending = [
        layers
        for parent in module.modules()
        for names in _TOGETHER
        if len(layers := [layer for name in names if _plain(layer := getattr(parent, name, None))]) == len(names)
    ]
    together = {id(layer) for layers in attending for layer in layers}
    alone = [[layer] for layer in module.modules() if _plain(layer) and id(layer) not in together]
    return [_Group(layers, make) for layers in attending + alone]


class _Group:
    """Layers of one input, called one after the other: the first one that is called with it computes for the rest."""

    def __init__(self, layers: list[torch.nn.Linear], make: Callable[[list[torch.nn.Linear]], Products]) -> None:
        self.layers = layers
        self._make = make
        self._products: dict[int, Products] = {}
        self.forget()

    def forget(self) -> None:
        """Let go of the last input and what came of it."""
        self._input: torch.Tensor | None = None
        self._outputs: dict[int, torch.Tensor] = {}

    def __call__(self, index: int, given: torch.Tensor) -> torch.Tensor:
        if not torch.is_autocast_enabled("cpu"):
            return torch.nn.Linear.forward(self.layers[index], given)
        if given is not self._input or index not in self._outputs:
            # With first tokens alone the query reads other vectors than key and value, which then come from two layers.
            if index not in self._products:
                self._products[index] = self._make(self.layers[index:])
            self._input = given
            self._outputs = dict(enumerate(self._products[index](given), index))
        output = self._outputs.pop(index)
        if not self._outputs:
            self.forget()
        return output


def _plain(layer: object) -> TypeGuard[torch.nn.Linear]:
    return type(layer) is torch.nn.Linear and layer.weight.dtype == torch.float32


def _in_one(layers: list[torch.nn.Linear]) -> Products:
    """Return what multiplies vectors [..., D] in bf16 by the weights of all layers, [..., F] of each."""
    weight = torch.cat([layer.weight.detach() for layer in layers]).to(torch.bfloat16)
    bias = None
    if any(layer.bias is not None for layer in layers):
        none = weight.new_zeros(len(weight), dtype=torch.float32)
        given = [none[: len(one.weight)] if one.bias is None else one.bias.detach() for one in layers]
        bias = torch.cat(given).to(torch.bfloat16)
    multiply = _laid_out(weight, bias) if _can_lay_out() else partial(linear, weight=weight, bias=bias)
    sizes = [len(layer.weight) for layer in layers]
    return lambda given: multiply(given.to(torch.bfloat16)).split_with_sizes(sizes, dim=-1)


def _trained(layers: list[torch.nn.Linear]) -> Products:
    """Return the same with gradients, by a product for each layer: to join their gradients would take longer."""
    parameters = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
    weights = [layer.weight.detach().to(torch.bfloat16) for layer in layers]
    biases = [None if layer.bias is None else layer.bias.detach().to(torch.bfloat16) for layer in layers]

    def multiply(given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        result: tuple[torch.Tensor, ...] = _Trained.apply(given, weights, biases, *parameters)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return result

    return multiply


class _Trained(torch.autograd.Function):
    """Products of one input [..., D] with several weights [F, D] in bf16; last come their float32 parameters."""

    @staticmethod
    def forward(
        ctx: Any,
        given: torch.Tensor,
        weights: list[torch.Tensor],
        biases: list[torch.Tensor | None],
        *_: torch.Tensor | None,
    ) -> tuple[torch.Tensor, ...]:
        vectors = given.to(torch.bfloat16)
        ctx.save_for_backward(vectors, *weights)
        ctx.set_materialize_grads(False)  # of several outputs some may be unused
        ctx.dtype = given.dtype
        product = _pointwise if _can_lay_out() else linear
        return tuple(product(vectors, weight, bias) for weight, bias in zip(weights, biases, strict=True))

    @staticmethod
    def backward(ctx: Any, *above: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        vectors, *weights = ctx.saved_tensors
        of_given, _, _, *wanted = ctx.needs_input_grad
        flat = vectors.reshape(-1, vectors.shape[-1])  # [T, D]
        found: list[torch.Tensor | None] = [None] * len(wanted)
        down: torch.Tensor | None = None
        for number, (whole, weight) in enumerate(zip(above, weights, strict=True)):
            if whole is None:
                continue
            gradient = whole.reshape(-1, whole.shape[-1])  # [T, F]
            if wanted[2 * number]:
                found[2 * number] = (gradient.mT @ flat).float()
            if wanted[2 * number + 1]:
                found[2 * number + 1] = gradient.sum(0).float()
            if of_given:
                down = gradient @ weight if down is None else down.addmm_(gradient, weight)
        return None if down is None else down.view(vectors.shape).to(ctx.dtype), None, None, *found


def _pointwise(given: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Multiply as torch's compiler does it for linear layers on a CPU: no copy of the bias goes into the result first.

    The operation has no public name.
    """
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(given, weight, bias, "none", [], "")  # noqa: SLF001
    return result


def _laid_out(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """Multiply by weights in oneDNN's own layout."""
    laid_out = torch.ops.mkldnn._reorder_linear_weight(weight)  # noqa: SLF001  # as above
    return partial(_pointwise, weight=laid_out, bias=bias)


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
