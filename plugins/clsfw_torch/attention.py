"""Attention over texts that lie one after another in one long row: each sees itself alone, and nothing is padded.

On CUDA one kernel does that. On the CPU each text is computed on its own: with dropout by the few operations below,
since torch's fast kernel knows no dropout, and its slow one computes in float32 and draws one number at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from clsfw_torch.dropout import mask_, masked

if TYPE_CHECKING:
    from clsfw_torch.dropout import RandomMasks

GAP = 16
"""On the CPU texts start at multiples of this: oneDNN compiles a kernel for each new shape, so there must be few."""


@dataclass(frozen=True)
class Packing:
    """Where the texts of a packed row lie.

    Text i has `lengths[i]` tokens from `starts[i]` on; `first` int64 [B] is `starts` on the device. `bounds` int32
    [B+1] is there on CUDA alone, where texts lie without gaps. `masks` gives the dropout of attention on the CPU.
    """

    starts: list[int]
    lengths: list[int]
    first: torch.Tensor
    bounds: torch.Tensor | None
    masks: RandomMasks


def packed_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing, *, dropout: float, scaling: float
) -> torch.Tensor:
    """Attend within each text: all [T, H, D], or `query` [B, H, D], which holds the first token of each text."""
    if packing.bounds is not None and query.dtype in {torch.bfloat16, torch.float16}:
        return flash_attention(query, key, value, packing, dropout=dropout, scaling=scaling)
    spans = _spans(packing, whole=len(query) == len(key))
    if not dropout:
        return text_by_text(query, key, value, spans, scaling)
    result: torch.Tensor = _Attention.apply(query, key, value, spans, packing.masks, dropout, scaling)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def flash_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing, *, dropout: float, scaling: float
) -> torch.Tensor:
    """Attend on CUDA in bf16 by the operation behind torch's own nested tensors, which has no public name yet."""
    # The kernel takes all texts as one row [T, H, D] and their bounds int32 [B+1]: token t of text i attends to tokens
    # bounds[i] to bounds[i+1]-1 alone. So there is neither padding nor a mask, and memory grows with T, not with L^2.
    bounds, longest = packing.bounds, max(packing.lengths)
    if len(query) == len(key):
        of_query, most = bounds, longest
    else:  # the last layer: one query for each text, [B, H, D], so the queries' bounds are 0, 1, ..., B
        of_query, most = torch.arange(len(query) + 1, dtype=torch.int32, device=query.device), 1
    output: torch.Tensor = torch.ops.aten._flash_attention_forward(  # noqa: SLF001  # checked at the start of each run
        query, key, value, of_query, bounds, most, longest, dropout, False, False, scale=scaling
    )[0]
    return output


_Spans = list[tuple[slice, slice, int]]


def _spans(packing: Packing, *, whole: bool) -> _Spans:
    """Return for each text where its queries are, where its keys and the gap behind them are, and how many are real."""
    gap = 1 if packing.bounds is not None else GAP
    texts = zip(packing.starts, packing.lengths, strict=True)
    keys = [(slice(start, start + -(-length // gap) * gap), length) for start, length in texts]
    return [(slot if whole else slice(i, i + 1), slot, length) for i, (slot, length) in enumerate(keys)]


def text_by_text(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, spans: _Spans, scaling: float
) -> torch.Tensor:
    """Attend by torch's own kernel, one text at a time; on any device, and what the faster ways are checked against."""
    outputs = []
    for queries, keys, length in spans:
        # A gap behind a text is never a key: only its `length` real tokens are.
        real = slice(keys.start, keys.start + length)
        q, k, v = (_heads(part).unsqueeze(0) for part in (query[queries], key[real], value[real]))  # [1, H, L, D]
        outputs.append(_tokens(scaled_dot_product_attention(q, k, v, scale=scaling)[0]))
    rest = len(query) - spans[-1][0].stop
    return torch.cat([*outputs, query.new_zeros(rest, *query.shape[1:])])


class _Attention(torch.autograd.Function):
    """softmax(Q K^T * scaling), dropout, times V: text by text, so that what is quadratic stays in the caches."""

    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes no keywords
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        spans: _Spans,
        masks: RandomMasks,
        dropout: float,
        scaling: float,
    ) -> torch.Tensor:
        output = torch.zeros_like(query)
        kept: list[torch.Tensor] = []
        share = 1.0
        scaled = query * scaling  # once for all, instead of each [H, L, L] of scores
        with torch.autocast(query.device.type, enabled=False):
            for queries, keys, length in spans:
                scores = torch.bmm(_heads(scaled[queries]), _heads(key[keys]).mT)  # [H, L, D] x [H, D, L] = [H, L, L]
                scores[:, :, length:] = -torch.inf  # the gap behind the text gets weight 0
                weights = scores.softmax(dim=-1)
                keep, share = masks.draw(weights.shape, dropout)  # int16 [H, L, L], and the share that is kept
                output[queries] = _tokens(torch.bmm(masked(weights, keep), _heads(value[keys])).div_(share))
                kept += [weights, keep]  # backward needs the weights before dropout, and the same mask
        ctx.save_for_backward(query, key, value, *kept)
        ctx.spans, ctx.share, ctx.scaling = spans, share, scaling
        return output

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, *kept = ctx.saved_tensors
        of_query, of_key, of_value = (torch.zeros_like(tensor) for tensor in (query, key, value))
        # With W = softmax(S), M the mask, c the share kept and O = (W*M/c) V, the chain rule gives, text by text:
        # dV = (W*M/c)^T dO; dW = (dO V^T)*M/c; dS = W*(dW - rowsum(W*dW)); dQ = dS K s; dK = dS^T Q s, s the scaling.
        gradient = gradient / ctx.share  # the 1/c of both, taken out
        for index, (queries, keys, _) in enumerate(ctx.spans):
            weights, keep = kept[2 * index : 2 * index + 2]
            above = _heads(gradient[queries])  # [H, L, D]
            of_value[keys] = _tokens(torch.bmm(masked(weights, keep).mT, above))
            of_weights = mask_(torch.bmm(above, _heads(value[keys]).mT), keep)
            of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)  # noqa: SLF001  # it has no public name
            of_query[queries] = _tokens(torch.bmm(of_scores, _heads(key[keys])))
            of_key[keys] = _tokens(torch.bmm(of_scores.mT, _heads(query[queries])))
        return of_query.mul_(ctx.scaling), of_key.mul_(ctx.scaling), of_value, None, None, None, None


def _heads(tokens: torch.Tensor) -> torch.Tensor:
    """[L, H, D] to [H, L, D]."""
    return tokens.transpose(0, 1)


def _tokens(heads: torch.Tensor) -> torch.Tensor:
    """[H, L, D] to [L, H, D]."""
    return heads.transpose(0, 1)
