"""Proves at the start of a run that packed input gives what padded input gives, on this model and this machine."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clsfw_torch.attention import Attending, Packing, flash_attention, packed_attention
from clsfw_torch.packed import first_position, pack, packed_forward, probe_lengths
from clsfw_torch.tokens import Tokens
from clsfw_torch.weights import holds_bf16

if TYPE_CHECKING:
    from clsfw_torch.dropout import RandomMasks
    from clsfw_torch.target import Target

_EXACT = 1e-3
"""Largest difference relative to the largest number, in float32 with the sums in another order."""
_ROUGH = 3e-2
"""The same for bf16, whose numbers have 8 bits."""


def differs(model: Any, target: Target, masks: RandomMasks) -> str | None:
    """Say how packed input differs from padded input, or give None if it does not."""
    try:
        with torch.no_grad():
            if not _same_logits(model, target, masks):
                return "gave other results than padded input"
        if target.device.type == "cuda" and not flash_is_right(model, target.device, masks):
            return "gave wrong attention"
    except (AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as exc:
        if isinstance(exc, torch.OutOfMemoryError):
            raise
        if target.device.type == "cuda":
            torch.cuda.synchronize(target.device)  # fails again where the device itself is lost
        return f"failed with {type(exc).__name__}: {exc}"
    return None


def _same_logits(model: Any, target: Target, masks: RandomMasks) -> bool:
    """Compare in float32, where attention is computed text by text on every device: positions, layers and head.

    A model that holds bf16 weights computes in bf16 alone.
    """
    training, device, rough = model.training, target.device, holds_bf16(model)
    model.eval()
    try:
        tokens = _some_tokens(model)
        rows = np.arange(len(tokens.lengths))
        ids, mask = (
            torch.from_numpy(array).to(device) for array in tokens.padded(rows, model.config.pad_token_id or 0)
        )
        with target.autocast() if rough else contextlib.nullcontext():
            expected = model(input_ids=ids, attention_mask=mask).logits
            with packed_forward(model):
                given = model(**pack(model, tokens, rows, device, masks)).logits
    finally:
        model.train(training)
    return _near(given, expected, _ROUGH if rough else _EXACT)


def _some_tokens(model: Any) -> Tokens:
    """Make texts of different lengths out of any ids but the padding token's."""
    longest = model.config.max_position_embeddings - first_position(model)
    lengths = np.minimum(probe_lengths(model.config), longest)
    choice = np.setdiff1d(np.arange(model.config.vocab_size), [model.config.pad_token_id])
    ids = np.random.default_rng(0).choice(choice, size=lengths.sum()).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(ids, starts, lengths, np.zeros(len(lengths), dtype=np.bool_))


def flash_is_right(model: Any, device: torch.device, masks: RandomMasks) -> bool:
    """Compare the CUDA kernel with torch's own, forward and backward: for whole texts, and for what the model asks."""
    heads = model.config.num_attention_heads
    size = model.config.hidden_size // heads
    generator = torch.Generator(device).manual_seed(0)
    lengths = probe_lengths(model.config)
    starts = (np.cumsum(lengths) - np.array(lengths)).tolist()
    bounds = torch.tensor([*starts, sum(lengths)], dtype=torch.int32, device=device)
    packing = Packing(starts, lengths, bounds[:-1].long(), bounds, masks)
    # All tokens, and the first token of each text, or backwards alone; all within the model's window, where it has one.
    plain = Attending(0.0, size**-0.5, causal=any(getattr(part, "is_causal", False) for part in model.modules()))
    cases = [(sum(lengths), plain)]
    if not plain.causal:
        cases.append((len(lengths), plain))
    if (window := getattr(model.config, "sliding_window", None)) is not None:
        cases.append((sum(lengths), replace(plain, window=window)))
    for queries, how in cases:
        shapes = [(count, heads, size) for count in (queries, sum(lengths), sum(lengths))]
        q, k, v = (torch.randn(shape, generator=generator, device=device, requires_grad=True) for shape in shapes)
        rough_q, rough_k, rough_v = (exact.detach().bfloat16().requires_grad_() for exact in (q, k, v))
        expected = packed_attention(q, k, v, packing, how)  # float32 goes text by text
        given = flash_attention(rough_q, rough_k, rough_v, packing, how)
        gradient = torch.randn(expected.shape, generator=generator, device=device)
        wanted = torch.autograd.grad(expected, (q, k, v), gradient)
        found = torch.autograd.grad(given, (rough_q, rough_k, rough_v), gradient.bfloat16())
        if not all(_near(a, b, _ROUGH) for a, b in zip((given, *found), (expected, *wanted), strict=True)):
            return False
    return True


def _near(given: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    difference = (given.float() - expected.float()).abs().max()
    return bool(difference <= tolerance * expected.float().abs().max().clamp(min=1e-6))
