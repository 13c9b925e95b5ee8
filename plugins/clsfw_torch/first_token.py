"""The last layer for the first token of each text alone.

The heads of the families below read nothing else, so the last layer's queries, its feed-forward part and its norms are
needed for one token of each text; only its keys and values for all. The result is the same to the last rounding.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw_torch.attention import Attending, packed_attention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from clsfw_torch.attention import Packing


@dataclass(frozen=True)
class _Attention:
    """What the families call the same things by different names."""

    query: Any
    key: Any
    value: Any
    heads: int
    dropout: float
    scaling: float


@contextlib.contextmanager
def first_token_only(module: Any) -> Iterator[None]:
    """Let the last layer give [B, 1, D] instead of [1, T, D] while the block runs; for packed input alone."""
    base = module.base_model
    block = base.transformer.layer[-1] if module.config.model_type == "distilbert" else base.encoder.layer[-1]
    finish = _distilbert if module.config.model_type == "distilbert" else _bert

    def forward(hidden: torch.Tensor, *_: Any, packing: Packing, **__: Any) -> torch.Tensor:
        return finish(block, hidden, packing).transpose(0, 1)

    block.forward = forward
    try:
        yield
    finally:
        del block.forward


def _distilbert(block: Any, hidden: torch.Tensor, packing: Packing) -> torch.Tensor:
    own = block.attention
    dropout = own.dropout.p if own.training else 0.0
    parts = _Attention(own.q_lin, own.k_lin, own.v_lin, own.n_heads, dropout, own.scaling)
    first = hidden[:, packing.first]  # [1, B, D]
    seen = block.sa_layer_norm(own.out_lin(_attend(parts, first, hidden, packing)) + first)
    result: torch.Tensor = block.output_layer_norm(block.ffn(seen) + seen)
    return result


def _bert(block: Any, hidden: torch.Tensor, packing: Packing) -> torch.Tensor:
    own = block.attention.self
    dropout = own.dropout.p if own.training else 0.0
    parts = _Attention(own.query, own.key, own.value, own.num_attention_heads, dropout, own.scaling)
    first = hidden[:, packing.first]  # [1, B, D]
    seen = block.attention.output(_attend(parts, first, hidden, packing), first)
    result: torch.Tensor = block.output(block.intermediate(seen), seen)
    return result


def _attend(own: _Attention, first: torch.Tensor, hidden: torch.Tensor, packing: Packing) -> torch.Tensor:
    """Return what each first token [1, B, D] sees of its text."""

    def split(project: Callable[[torch.Tensor], torch.Tensor], states: torch.Tensor) -> torch.Tensor:
        flat = project(states).squeeze(0)  # [T, D], or [B, D] of the first tokens
        return flat.view(len(flat), own.heads, -1)

    # Queries [B, H, D/H] of the first tokens alone; keys and values [T, H, D/H] of all.
    query, key, value = split(own.query, first), split(own.key, hidden), split(own.value, hidden)
    return packed_attention(query, key, value, packing, Attending(own.dropout, own.scaling)).flatten(1)[None]
