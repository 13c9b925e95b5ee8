"""Texts one after another in one row, without padding, through Hugging Face encoders of known families."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AttentionInterface

from clsfw_torch.attention import GAP, Attending, Packing, packed_attention
from clsfw_torch.families import family_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clsfw_torch.dropout import RandomMasks
    from clsfw_torch.tokens import Tokens

_NAME = "clsfw_packed"
_ROUND = 256
"""On the CPU a row is filled up to a multiple of this, or of less where that would be much of it."""
_LONGEST_PROBE = 1024
"""Windows beyond that (Mistral has one of 4096) are not looked at with a text: on a CPU it would take minutes."""


def encoder(module: Any) -> Any:
    """Return the Hugging Face model inside an adapter, or the module itself."""
    return module.get_base_model() if hasattr(module, "get_base_model") else module


def packable(model: Any, *, cuda: bool = False) -> bool:
    """Return whether a model is of a family that packed input was proven for, and nothing else of it is asked for."""
    family = family_of(model)
    if family is None or (cuda and family.cpu_only):
        return False
    config = model.config
    return not (config.output_hidden_states or config.output_attentions or getattr(config, "is_decoder", False))


def told_packed(model: Any) -> str:
    """Return how a model's texts are computed, as `clsfw check` says it."""
    if not packable(model):
        return padded_because(model)
    return "packed without padding" if packable(model, cuda=True) else "packed without padding on the CPU"


def padded_because(model: Any) -> str:
    """Return why the texts of a model that is not `packable` are padded, as `clsfw check` says it."""
    name = type(model).__name__
    if name.startswith("Deberta"):
        return f"padded, sorted by length: in {name} every score depends on the places of both tokens in its own way"
    return f"padded, sorted by length: {name} is not among the packed architectures"


@contextlib.contextmanager
def packed_forward(model: Any, *, whole: bool = False) -> Iterator[None]:
    """Let a model take what `pack` gives while the block runs.

    Its encoder gives the vectors of all tokens [1, T, D] if they are wanted `whole`, otherwise those that its head
    reads, [B, 1, D].
    """
    family = family_of(model)
    if family is None:
        raise TypeError(f"{type(model).__name__} does not take packed texts")
    with (family.attention or _interface)(model), contextlib.nullcontext() if whole else family.head(model):
        yield


@contextlib.contextmanager
def _interface(model: Any) -> Iterator[None]:
    """Let a model attend by `_attention` while the block runs."""
    AttentionInterface.register(_NAME, _attention)
    configs = {id(part.config): part.config for part in (model, model.base_model)}.values()
    before = [config._attn_implementation for config in configs]  # noqa: SLF001  # transformers has no public name to read it
    # An attention that no mask function is registered for makes transformers build no mask at all. Its public way to
    # set one looks at each module, which for a single text would count.
    try:
        for config in configs:
            config._attn_implementation_internal = _NAME  # noqa: SLF001
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation_internal = name  # noqa: SLF001


def _attention(  # the signature is transformers'
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, _: None, **options: Any
) -> tuple[torch.Tensor, None]:
    """Attend; query [1, H, T, D], key and value [1, G, T, D], where each of G heads serves H/G of the query's."""
    scaling = options.get("scaling") or query.shape[-1] ** -0.5
    # squeeze, not [0]: the gradient of that would be a copy in a tensor of zeros.
    q, k, v = (part.squeeze(0).transpose(0, 1) for part in (query, key, value))  # [T, H, D], twice [T, G, D]
    if k.shape[1] != q.shape[1]:
        k, v = (part.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for part in (k, v))
    # transformers counts the token itself: a window of 65 is 64 tokens to either side.
    sliding = options.get("sliding_window")
    window = None if sliding is None else sliding - 1
    how = Attending(options.get("dropout", 0.0), scaling, window, causal=getattr(module, "is_causal", False))
    return packed_attention(q, k, v, options["packing"], how).unsqueeze(0), None


def share(lengths: NDArray[np.int64], budget: int, multiple: int = 1) -> list[NDArray[np.int64]]:
    """Share texts out over as few parts as the budget of tokens allows, about equally; gives indices.

    Their number is a multiple of that of the processes, where there are texts enough.
    """
    # The longest text goes to the lightest part, and so on (the greedy rule of scheduling): the heaviest one is at most
    # a third over the best there is, and nothing is padded, so only sums of lengths count.
    parts = max(1, -(-int(lengths.sum()) // (budget * multiple))) * multiple
    loads = np.zeros(parts, dtype=np.int64)
    members: list[list[int]] = [[] for _ in range(parts)]
    for index in np.argsort(-lengths, kind="stable").tolist():
        lightest = int(loads.argmin())
        loads[lightest] += lengths[index]
        members[lightest].append(index)
    return [np.array(part, dtype=np.int64) for part in members if part]


def cut(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
    """Cut a batch into parts of at most `budget` tokens, padding counted, or of one text; gives indices, longest first.

    Longest first, so that memory runs out at the beginning or not at all. Ties keep their order: the cut, and with it
    every bit of the result, follows from lengths and budget alone.
    """
    order = np.argsort(-lengths, kind="stable")
    parts: list[NDArray[np.int64]] = []
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, int(lengths[order[start]])))
        parts.append(order[start : start + size])
        start += size
    return parts


def pack(
    model: Any, tokens: Tokens, rows: NDArray[np.int64], device: torch.device, masks: RandomMasks
) -> dict[str, Any]:
    """Return a model's arguments for some texts: `input_ids` and `position_ids` [1, T], and where each text lies.

    Of pairs of texts `token_type_ids` [1, T] too, where the model has them.
    """
    flat, lengths = tokens.flat(rows)  # int64 [sum of lengths], [B]
    gap = GAP if device.type == "cpu" else 1
    slots = -(-lengths // gap) * gap  # [B], each rounded up to the gap
    starts = np.cumsum(slots) - slots  # [B], 0 first
    # On the CPU the row is filled up to one of few sizes as well; what fills it is computed and never read.
    used = int(slots.sum())
    whole = min(_ROUND, max(GAP, (1 << used.bit_length()) // 16)) if device.type == "cpu" else 1  # an eighth at most
    total = -(-used // whole) * whole
    offset = first_position(model)
    # Position embeddings count from 0 within each text, or from the one after the padding token's, as RoBERTa has it.
    ids = np.full(total, model.config.pad_token_id or 0, dtype=np.int64)
    positions = np.full(total, offset, dtype=np.int64)
    # Token j of the flat ids is token within[j] of its text, and goes to places[j] = start of its text + within[j].
    within = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    places = np.repeat(starts, lengths) + within
    ids[places] = flat
    positions[places] = within + offset
    bounds = None
    if device.type == "cuda":
        bounds = to_device(np.append(starts, total).astype(np.int32), device)
    packing = Packing(starts.tolist(), lengths.tolist(), to_device(starts, device), bounds, masks)
    inputs = {
        "input_ids": to_device(ids, device)[None],
        "position_ids": to_device(positions, device)[None],
        "packing": packing,
    }
    if (flat_types := tokens.flat_types(rows)) is not None:
        types = np.zeros(total, dtype=np.int64)
        types[places] = flat_types
        inputs["token_type_ids"] = to_device(types, device)[None]
    return inputs


def first_position(model: Any) -> int:
    """Return the number of the position of each text's first token."""
    family = family_of(model)
    return model.config.pad_token_id + 1 if family is not None and family.after_padding else 0


def probe_lengths(config: Any) -> list[int]:
    """Return lengths of texts on which packed and padded input are compared: with a local window one beyond it."""
    window = getattr(config, "sliding_window", None)
    if window is None or window > _LONGEST_PROBE:
        return [7, 19, 3, 12]
    return [7, 19, 3, 12, 2 * window + 3]


def to_device(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Copy an array without making the host wait."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
