"""Attention over texts that lie one after another in one long row: each sees itself alone, and nothing is padded.

On CUDA one kernel does that. On the CPU each text is computed on its own: to predict, by torch's fast kernel; to train,
by the few operations below, since that kernel knows no dropout and takes eight times as long backward as forward, and
torch's slow one computes in float32 and draws one number at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

from clsfw_torch.dropout import mask_, masked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw_torch.dropout import RandomMasks

_KEPT = 1024 * 1024
"""Queries times keys of a text whose weights are kept for the backward pass: longer texts must not take a square."""
_BLOCK = 512 * 1024
"""Weights that are computed at a time: what is done to them, one operation after another, finds them in the cache."""
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


@dataclass(frozen=True)
class Attending:
    """How tokens attend: share dropped, factor of the scores, how far (None: to all), and whether backwards alone."""

    dropout: float
    scaling: float
    window: int | None = None
    causal: bool = False


def packed_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing, how: Attending
) -> torch.Tensor:
    """Attend within each text: all [T, H, D], or `query` [B, H, D], which holds the first token of each text.

    First tokens see their whole text; with a window, or where tokens look backwards alone, `query` is of all tokens.
    """
    if packing.bounds is not None and query.dtype in {torch.bfloat16, torch.float16}:
        return flash_attention(query, key, value, packing, how)
    spans = list(_spans(packing, how, whole=len(query) == len(key)))
    if not (how.dropout or _trains(query, key, value, spans)):
        return text_by_text(query, key, value, spans, how.scaling)
    # Rotary positions leave queries and keys in float32 beside values in bf16; autocast casts them for torch's kernel.
    query, key = query.to(value.dtype), key.to(value.dtype)
    result: torch.Tensor = _Attention.apply(query, key, value, spans, packing.masks, how)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


def _trains(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, spans: list[_Span]) -> bool:
    """Return whether the CPU will need gradients through spans whose weights are few enough to be kept."""
    if query.device.type != "cpu" or not torch.is_grad_enabled():
        return False
    short = all((span.queries.stop - span.queries.start) * span.real <= _KEPT for span in spans)
    return short and any(part.requires_grad for part in (query, key, value))


def flash_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, packing: Packing, how: Attending
) -> torch.Tensor:
    """Attend on CUDA in bf16 by the operation behind torch's own nested tensors, which has no public name yet."""
    # The kernel takes all texts as one row [T, H, D] and their bounds int32 [B+1]: token t of text i attends to tokens
    # bounds[i] to bounds[i+1]-1 alone. So there is neither padding nor a mask, and memory grows with T, not with L^2.
    bounds, longest = packing.bounds, max(packing.lengths)
    if len(query) == len(key):
        of_query, most = bounds, longest
    else:  # the last layer: one query for each text, [B, H, D], so the queries' bounds are 0, 1, ..., B
        of_query, most = torch.arange(len(query) + 1, dtype=torch.int32, device=query.device), 1
    window = {}
    if how.window is not None:
        window = {"window_size_left": how.window, "window_size_right": 0 if how.causal else how.window}
    output: torch.Tensor = torch.ops.aten._flash_attention_forward(  # noqa: SLF001  # checked at the start of each run
        query, key, value, of_query, bounds, most, longest, how.dropout, how.causal, False, scale=how.scaling, **window
    )[0]
    return output


class _Span(NamedTuple):
    """Some queries of one text, and the keys that they may look at.

    Of the keys the first `real` are tokens, the rest is the gap behind the text. With a window `rows` and `columns` are
    the places of the first query and the first key in their text, and a query looks `window` tokens to either side.
    """

    queries: slice
    keys: slice
    real: int
    rows: int = 0
    columns: int = 0
    window: int | None = None
    causal: bool = False

    @property
    def weights(self) -> int:
        """Their number in one head: queries times keys."""
        queries, keys = (part.stop - part.start for part in (self.queries, self.keys))
        return int(queries * keys)

    def unseen(self, device: torch.device) -> torch.Tensor | None:
        """Return which tokens' keys which queries do not look at, bool [Q, K]; None if they look at all."""
        queries, keys = self.queries.stop - self.queries.start, self.keys.stop - self.keys.start
        farthest = max(self.rows + queries - 1 - self.columns, self.columns + keys - 1 - self.rows)
        near = self.window is None or farthest <= self.window
        if near and not self.causal:
            return None
        rows, columns = torch.arange(queries, device=device) + self.rows, torch.arange(keys, device=device)
        # What fills the gap behind a text is computed with it and never read. It looks where the text's last token
        # looks: with nothing to look at it would be NaN, and 0 times NaN spoils what is read.
        rows = rows.clamp(max=self.columns + self.real - 1)
        ahead = (columns + self.columns)[None] - rows[:, None]  # [Q, K], how far a key lies ahead of a query
        unseen = ahead > 0 if self.causal else torch.zeros_like(ahead, dtype=torch.bool)
        return unseen if self.window is None else unseen | (ahead.abs() > self.window)


def _spans(packing: Packing, how: Attending, *, whole: bool) -> Iterator[_Span]:
    """Cut each text into spans: one, or with a window blocks of queries, so that memory grows with the text alone."""
    gap = 1 if packing.bounds is not None else GAP
    for i, (start, length) in enumerate(zip(packing.starts, packing.lengths, strict=True)):
        end = start + -(-length // gap) * gap
        if how.window is None:
            queries = slice(start, end) if whole else slice(i, i + 1)
            yield _Span(queries, slice(start, end), length, causal=how.causal)
            continue
        reach = -(-how.window // gap) * gap  # rounded up, so that there are few shapes
        for first in range(start, end, 2 * reach):
            last = min(first + 2 * reach, end)
            left, right = max(first - reach, start), last if how.causal else min(last + reach, end)
            real = min(right, start + length) - left
            place = first - start, left - start
            yield _Span(slice(first, last), slice(left, right), real, *place, how.window, how.causal)


@lru_cache(maxsize=1024)
def _up_to(real: int, keys: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor | None:
    """Return what torch adds to the scores so that the keys behind the first `real` get weight 0, [1, K]."""
    # Without the gap's keys nothing had to be hidden, but with a number of keys that is not a multiple of 16 the kernel
    # takes up to one and a half times as long.
    if real == keys:
        return None
    with torch.inference_mode(mode=False):  # it is kept, and may be needed where there are gradients
        mask = torch.zeros(1, keys, dtype=dtype, device=device)
        mask[:, real:] = -torch.inf
        return mask


def text_by_text(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, spans: list[_Span], scaling: float
) -> torch.Tensor:
    """Attend by torch's own kernel, one span at a time; on any device, and what the faster ways are checked against."""
    outputs = []
    for span in spans:
        q, k, v = (_heads(part).unsqueeze(0) for part in (query[span.queries], key[span.keys], value[span.keys]))
        simple = span.causal and span.window is None  # torch's kernel knows that without a mask, and the gap lies ahead
        unseen = None if simple else span.unseen(query.device)
        if unseen is None:
            seen = None if simple else _up_to(span.real, k.shape[2], query.dtype, query.device)
        else:
            seen = ~unseen  # [Q, K]
            seen[:, span.real :] = False
        attended = scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=simple, scale=scaling)
        outputs.append(_tokens(attended[0]))
    rest = len(query) - spans[-1].queries.stop
    return torch.cat([*outputs, query.new_zeros(rest, *query.shape[1:])])


class _Attention(torch.autograd.Function):
    """softmax(Q K^T * scaling), dropout, times V: some heads of a span at a time, so that they stay in the caches."""

    @staticmethod
    def forward(  # noqa: PLR0917  # torch passes no keywords
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        spans: list[_Span],
        masks: RandomMasks,
        how: Attending,
    ) -> torch.Tensor:
        output = _unwritten(query, spans[-1].queries)
        kept: list[torch.Tensor | None] = []
        keep, share = None, 1.0
        scaled = query * how.scaling  # once for all, instead of each [H, Q, K] of scores
        room = _room(query, spans)
        with torch.autocast(query.device.type, enabled=False):
            for span in spans:
                parts = (scaled[span.queries], key[span.keys], value[span.keys])
                q, k, v = (_laid_out(part) for part in parts)  # [H, Q or K, D]
                unseen = span.unseen(query.device)
                attended = torch.empty_like(q)
                for some in _blocks(span, len(q)):  # some heads, h of H
                    scores = _taken(room, some, span)
                    torch.bmm(q[some], k[some].mT, out=scores)  # [h, Q, D] x [h, D, K] to [h, Q, K]
                    scores[:, :, span.real :] = -torch.inf  # the gap behind the text gets weight 0
                    if unseen is not None:
                        scores.masked_fill_(unseen, -torch.inf)
                    weights = scores.softmax(dim=-1)
                    if how.dropout:
                        keep, share = masks.draw(weights.shape, how.dropout)  # int16 [h, Q, K], and the share kept
                    torch.bmm(_dropped(weights, keep, scores), v[some], out=attended[some])
                    kept += [weights, keep]  # backward needs the weights before dropout, and the same mask
                output[span.queries] = _tokens(attended.div_(share) if how.dropout else attended)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.spans, ctx.share, ctx.scaling = spans, share, how.scaling
        return output

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, *kept = ctx.saved_tensors
        of_query = _unwritten(query, ctx.spans[-1].queries)
        overlap = ctx.spans[0].window is not None  # then neighbouring spans share keys, whose gradients add up
        of_key, of_value = (
            torch.zeros_like(part) if overlap else _unwritten(part, ctx.spans[-1].keys) for part in (key, value)
        )
        # With W = softmax(S), M the mask, c the share kept and O = (W*M/c) V, the chain rule gives, span by span:
        # dV = (W*M/c)^T dO; dW = (dO V^T)*M/c; dS = W*(dW - rowsum(W*dW)); dQ = dS K s; dK = dS^T Q s, s the scaling.
        gradient = gradient if ctx.share == 1 else gradient / ctx.share  # the 1/c of both, taken out
        room = _room(query, ctx.spans)
        pairs = iter(zip(kept[::2], kept[1::2], strict=True))
        for span in ctx.spans:
            parts = (query[span.queries], key[span.keys], value[span.keys], gradient[span.queries])
            q, k, v, above = (_laid_out(part) for part in parts)  # [H, Q or K, D]
            of_q, of_k, of_v = (torch.empty_like(part) for part in (q, k, v))
            for some in _blocks(span, len(q)):
                weights, keep = next(pairs)
                taken = _taken(room, some, span)
                torch.bmm(_dropped(weights, keep, taken).mT, above[some], out=of_v[some])
                torch.bmm(above[some], v[some].mT, out=taken)  # the gradient of the weights
                if keep is not None:
                    mask_(taken, keep)
                torch._softmax_backward_data(taken, weights, -1, weights.dtype, grad_input=taken)  # noqa: SLF001  # it has no public name
                torch.bmm(taken, k[some], out=of_q[some])
                torch.bmm(taken.mT, q[some], out=of_k[some])
            of_query[span.queries] = _tokens(of_q)
            for whole, part in ((of_key, of_k), (of_value, of_v)):
                if overlap:
                    whole[span.keys] += _tokens(part)
                else:
                    whole[span.keys] = _tokens(part)
        return of_query.mul_(ctx.scaling), of_key.mul_(ctx.scaling), of_value, None, None, None


def _unwritten(tensor: torch.Tensor, last: slice) -> torch.Tensor:
    """Return room like a tensor for what spans up to the last one will write, and zeros behind that."""
    room = torch.empty_like(tensor)
    room[last.stop :] = 0
    return room


def _blocks(span: _Span, heads: int) -> Iterator[slice]:
    """Cut the heads of a span into those that are computed at a time."""
    size = max(1, _BLOCK // span.weights)
    for first in range(0, heads, size):
        yield slice(first, min(first + size, heads))


def _room(query: torch.Tensor, spans: list[_Span]) -> torch.Tensor:
    """Return room for the largest block of the spans: memory that was written just before is still in the caches."""
    heads = query.shape[1]
    return query.new_empty(max(min(heads, max(1, _BLOCK // span.weights)) * span.weights for span in spans))


def _taken(room: torch.Tensor, some: slice, span: _Span) -> torch.Tensor:
    """Return as much of the room as a block needs, [h, Q, K]."""
    heads = some.stop - some.start
    queries, keys = span.queries.stop - span.queries.start, span.keys.stop - span.keys.start
    return room[: heads * span.weights].view(heads, queries, keys)


def _dropped(weights: torch.Tensor, keep: torch.Tensor | None, out: torch.Tensor) -> torch.Tensor:
    return weights if keep is None else masked(weights, keep, out)


def _heads(tokens: torch.Tensor) -> torch.Tensor:
    """[L, H, D] to [H, L, D]."""
    return tokens.transpose(0, 1)


def _laid_out(tokens: torch.Tensor) -> torch.Tensor:
    """[L, H, D] to [H, L, D], as a copy: each product would make its own one otherwise."""
    return _heads(tokens).contiguous()


def _tokens(heads: torch.Tensor) -> torch.Tensor:
    """[H, L, D] to [L, H, D]."""
    return heads.transpose(0, 1)
