"""Dropout on the CPU from 15 random bits per element: torch's own draws one number at a time, on one thread.

The bits decide in whole 32,768ths, so a rate of 0.1 is really 3277/32768 = 0.100006, and what is kept is scaled by
exactly one over what that leaves. Masks are int16 with all bits set where an element is kept, so that applying one is
a bitwise AND on the numbers themselves, which is several times faster than a selection by booleans.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEPS = 1 << 15
_LOW_15_BITS = 0x7FFF_7FFF_7FFF_7FFF
_INTEGER = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


class RandomMasks:
    """A stream of keep masks: the same ones after the same seed, on any number of threads."""

    def __init__(self) -> None:
        self._bits = np.random.SFC64(0)

    def seed(self, seed: int) -> None:
        """Start again."""
        self._bits = np.random.SFC64(seed)

    def again(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which what was drawn from now on is drawn again; afterwards the stream goes on."""
        return self._from(self._bits.state)

    @contextlib.contextmanager
    def _from(self, state: Any) -> Iterator[None]:
        now = self._bits.state
        self._bits.state = state
        try:
            yield
        finally:
            self._bits.state = now

    def draw(self, shape: tuple[int, ...], rate: float) -> tuple[torch.Tensor, float]:
        """Return a keep mask for a rate below 1, and the share of elements that such masks keep."""
        dropped = round(rate * _STEPS)
        count = math.prod(shape)
        words = torch.from_numpy(self._bits.random_raw(-(-count // 4)).view(np.int64))
        numbers = words.bitwise_and_(_LOW_15_BITS).view(torch.int16)[:count]
        # From `dropped` on the difference is negative; the shift spreads its sign bit over the whole number.
        keep = numbers.neg_().add_(dropped - 1).bitwise_right_shift_(15).view(shape)
        return keep, 1 - dropped / _STEPS


def masked(values: torch.Tensor, keep: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return float32 or bf16 values with 0 where the mask does not keep them, in `out` if it is given."""
    integer = _INTEGER[values.dtype]
    into = None if out is None else out.view(integer)
    return torch.bitwise_and(values.view(integer), keep.to(integer), out=into).view(values.dtype)


def mask_(values: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Set float32 or bf16 values to 0 in place where the mask does not keep them."""
    integer = _INTEGER[values.dtype]
    values.view(integer).bitwise_and_(keep.to(integer))
    return values


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, rate: float, masks: RandomMasks) -> torch.Tensor:
        keep, share = masks.draw(values.shape, rate)
        ctx.save_for_backward(keep)
        ctx.share = share
        return mask_(values / share, keep)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (keep,) = ctx.saved_tensors
        return mask_(gradient / ctx.share, keep), None, None


def dropout(values: torch.Tensor, rate: float, masks: RandomMasks) -> torch.Tensor:
    """Drop a share of float32 or bf16 values and scale up the rest."""
    result: torch.Tensor = _Dropout.apply(values, rate, masks)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


@contextlib.contextmanager
def fast_dropout(module: nn.Module, masks: RandomMasks) -> Iterator[None]:
    """Let every `nn.Dropout` of a module draw from `masks` while the block runs."""
    changed = [part for part in module.modules() if type(part) is nn.Dropout and 0 < part.p < 1 and not part.inplace]
    for part in changed:
        _patch(part, masks)
    try:
        yield
    finally:
        for part in changed:
            del part.forward


def _patch(part: nn.Dropout, masks: RandomMasks) -> None:
    def forward(values: torch.Tensor) -> torch.Tensor:
        if not part.training:
            return values
        if values.dtype not in _INTEGER:
            return nn.functional.dropout(values, part.p)
        return dropout(values, part.p, masks)

    part.forward = forward  # type: ignore[assignment]  # on this instance alone, until the block above ends
