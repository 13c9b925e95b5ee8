"""Gradients of embeddings on the CPU without a table of zeros for each part of a batch.

Torch makes the gradient of a lookup as large as the table, 30,000 rows of which a few hundred are not zero, and adds
all of it up. Here only the rows that were looked up are added to the gradient that is there, each with the sum that
torch would have for it: the same bits.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, ids: torch.Tensor, padding: int | None) -> torch.Tensor:
        ctx.save_for_backward(ids)
        # Not as a saved tensor: what has to be found is its `grad`, which is the parameter's own.
        ctx.table, ctx.padding = table, padding
        return nn.functional.embedding(ids, table)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, None]:
        (ids,) = ctx.saved_tensors
        table = ctx.table
        rows, places = ids.unique(return_inverse=True)  # [R]; rows[places] are the ids
        sums = torch.ops.aten.embedding_dense_backward(gradient, places, len(rows), -1, False)  # [R, D]
        if ctx.padding is not None:
            sums[rows == ctx.padding] = 0  # the padding token's vector is not trained
        if table.grad is None:
            table.grad = torch.zeros_like(table)
        table.grad.index_add_(0, rows, sums)
        return None, None, None  # it is where it belongs


@contextlib.contextmanager
def sparse_lookups(module: nn.Module) -> Iterator[None]:
    """Let every plain float32 `nn.Embedding` of a module add to its gradient so while the block runs."""
    changed = [part for part in module.modules() if _plain(part)]
    for part in changed:
        _patch(part)
    try:
        yield
    finally:
        for part in changed:
            del part.forward


def _plain(part: nn.Module) -> TypeGuard[nn.Embedding]:
    if type(part) is not nn.Embedding or "forward" in vars(part):
        return False
    return part.weight.dtype == torch.float32 and not (part.max_norm or part.scale_grad_by_freq or part.sparse)


def _patch(part: nn.Embedding) -> None:
    def forward(ids: torch.Tensor) -> torch.Tensor:
        if not (torch.is_grad_enabled() and part.weight.requires_grad):
            return nn.functional.embedding(ids, part.weight)
        result: torch.Tensor = _Lookup.apply(part.weight, ids, part.padding_idx)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return result

    part.forward = forward  # type: ignore[assignment]  # on this instance alone, until the block above ends
