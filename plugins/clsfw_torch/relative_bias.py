"""MPNet's attention over packed texts: its scores carry a bias by distance, so it goes through no interface."""

from __future__ import annotations

import contextlib
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from clsfw_torch.attention import GAP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw_torch.attention import Packing


@contextlib.contextmanager
def mpnet_attention(model: Any) -> Iterator[None]:
    """Let an MPNet attend within each text of a packed row while the block runs."""
    encoder, config = model.base_model.encoder, model.config
    attentions = [layer.attention.attn for layer in encoder.layer]
    packings: list[Packing] = []

    def remember(_: Any, __: Any, named: dict[str, Any]) -> None:
        packings[:] = [named["packing"]]  # its layers are not handed it

    def bias(hidden: torch.Tensor) -> torch.Tensor:
        # Distances within the longest text, [1, H, L, L], not within the whole row.
        compute = type(encoder).compute_position_bias
        result: torch.Tensor = compute(encoder, hidden[:, : _slot(max(packings[0].lengths))])
        return result

    hook = model.register_forward_pre_hook(remember, with_kwargs=True)
    before = config._attn_implementation  # noqa: SLF001  # transformers has no public name to read it
    config._attn_implementation_internal = "clsfw_own"  # noqa: SLF001  # one that no mask is built for
    encoder.compute_position_bias = bias
    for attention in attentions:
        attention.forward = partial(_attend, attention, packings)
    try:
        yield
    finally:
        hook.remove()
        config._attn_implementation_internal = before  # noqa: SLF001  # as above
        del encoder.compute_position_bias
        for attention in attentions:
            del attention.forward


def _attend(
    own: Any, packings: list[Packing], hidden: torch.Tensor, _: Any, bias: torch.Tensor, **__: Any
) -> tuple[torch.Tensor]:
    """Attend text by text; hidden [1, T, D], bias [1, H, L, L]."""
    heads = own.num_attention_heads
    query, key, value = (
        project(hidden).squeeze(0).unflatten(-1, (heads, -1)).transpose(0, 1) for project in (own.q, own.k, own.v)
    )
    query = query / math.sqrt(own.attention_head_size)
    seen: list[torch.Tensor] = []
    done = 0
    for start, length in zip(packings[0].starts, packings[0].lengths, strict=True):
        # With the gap behind it, as oneDNN compiles a kernel for each new length; what the gap sees is never read.
        slot = _slot(length)
        text = slice(start, start + slot)
        scores = torch.bmm(query[:, text], key[:, text].mT)  # [H, L, L]
        scores += bias[0, :, :slot, :slot]  # in place, as transformers does it: in bf16 they stay bf16
        with torch.no_grad():  # no gradient is lost: that of a weight of 0 is 0
            scores[:, :, length:] = -torch.inf
        weights = own.dropout(scores.softmax(dim=-1))
        seen.append(torch.bmm(weights.to(value.dtype), value[:, text]))
        done = start + slot
    seen.append(value.new_zeros(heads, hidden.shape[1] - done, value.shape[-1]))
    return (own.o(torch.cat(seen, dim=1).transpose(0, 1).flatten(1)[None]),)


def _slot(length: int) -> int:
    """Return the places of a row that a text of so many tokens takes."""
    return -(-length // GAP) * GAP
