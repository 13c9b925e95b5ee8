"""Which architectures of transformers take packed texts, and what each of them does in a way of its own.

What they share: positions come from `position_ids` alone, attention goes through transformers' `AttentionInterface`
unless a family brings its own, and what `forward` does not know (`packing`) is handed down to it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers.modeling_outputs import SequenceClassifierOutput

from clsfw_torch.first_token import first_token_only
from clsfw_torch.relative_bias import mpnet_attention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from clsfw_torch.attention import Packing


@dataclass(frozen=True)
class Family:
    """What packed input needs to know of an architecture.

    `head` takes a model and returns a context in which its head sees one vector of each text, [B, 1, D], instead of
    those of all tokens, [1, T, D]. With `after_padding` positions count from the one after the padding token's, as
    RoBERTa has it, otherwise from 0. `attention` takes a model and returns a context in which it attends within texts,
    where that does not go through transformers' `AttentionInterface`; with `cpu_only` GPUs compute padded texts. A
    plugin gives its model one as the attribute `packed_family`.
    """

    head: Callable[[Any], AbstractContextManager[None]] = first_token_only
    after_padding: bool = False
    attention: Callable[[Any], AbstractContextManager[None]] | None = None
    cpu_only: bool = False


def family_of(model: Any) -> Family | None:
    """Return the family of a model: its own `packed_family`, or the bundled one of its class; None if it has none."""
    own = getattr(model, "packed_family", None)
    return own if isinstance(own, Family) else _BUNDLED.get(type(model).__name__)


@contextlib.contextmanager
def pooled_at(model: Any, module: Any, kind: Literal["first", "mean"]) -> Iterator[None]:
    """Let a module of a model give the first, or the mean, of each text's vectors while the block runs.

    `module` gives a tensor [1, T, D], or an output of transformers whose `last_hidden_state` is one.
    """
    # Not every module is handed the packing, so it is taken where the model gets it.
    packings: list[Packing] = []

    def remember(_: Any, __: Any, named: dict[str, Any]) -> None:
        packings[:] = [named["packing"]]

    def pool(_: Any, __: Any, output: Any) -> Any:
        pick = _first if kind == "first" else _mean
        if isinstance(output, torch.Tensor):
            return pick(output, packings[0])
        output.last_hidden_state = pick(output.last_hidden_state, packings[0])
        return output

    hooks = [model.register_forward_pre_hook(remember, with_kwargs=True), module.register_forward_hook(pool)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _first(states: torch.Tensor, packing: Packing) -> torch.Tensor:
    return states[0, packing.first][:, None]  # [1, T, D] to [B, 1, D]


def _mean(states: torch.Tensor, packing: Packing) -> torch.Tensor:
    spans = zip(packing.starts, packing.lengths, strict=True)
    means = [states[0, start : start + length].mean(dim=0) for start, length in spans]  # B times [D]
    return torch.stack(means)[:, None]  # [B, 1, D]


def _last_layer(model: Any) -> AbstractContextManager[None]:
    """Pool behind the last layer: a pooler inside the encoder, or a head behind it, reads the first token."""
    return pooled_at(model, model.base_model.layers[-1], "first")


def _behind_encoder(model: Any) -> AbstractContextManager[None]:
    return pooled_at(model, model.base_model.encoder, "first")


def _as_configured(model: Any) -> AbstractContextManager[None]:
    """Pool as `classifier_pooling` says; an encoder without a head is asked for first tokens."""
    base = model.base_model
    pooling = "first" if base is model else model.config.classifier_pooling
    if pooling == "late":  # EuroBERT's mean over the logits of each token
        return pooled_at(model, model.classifier, "mean")
    return pooled_at(model, base, "mean" if pooling == "mean" else "first")


@contextlib.contextmanager
def _last_token(model: Any) -> Iterator[None]:
    """Compute the logits of each text's last token, as the classifiers on top of decoders do."""

    def forward(input_ids: torch.Tensor, packing: Packing, **named: Any) -> SequenceClassifierOutput:
        states = model.base_model(input_ids=input_ids, packing=packing, use_cache=False, **named).last_hidden_state
        # Of a text they take the last token that is not the padding token, which may be a text's own last one; of a
        # text of nothing else the first. `last[t]` is the last such token up to t, in its text or an earlier one.
        ids = input_ids[0]  # [T]
        places = torch.arange(len(ids), device=ids.device)
        last = places.where(ids != model.config.pad_token_id, -1).cummax(0).values
        ends = packing.first + torch.tensor(packing.lengths, device=ids.device) - 1  # [B]
        chosen = last[ends].maximum(packing.first)
        return SequenceClassifierOutput(logits=model.score(states[0, chosen]))  # [B, D] to [B, C]

    model.forward = forward
    try:
        yield
    finally:
        del model.forward


_DECODERS = ("Llama", "Mistral", "Qwen2", "Qwen3", "Gemma", "Gemma3Text", "SmolLM3")
_BUNDLED = {
    f"{name}{kind}": family
    for family, names in (
        (Family(), ("DistilBert", "Bert", "Electra")),
        (Family(after_padding=True), ("Roberta", "XLMRoberta", "Camembert")),
        (Family(_as_configured), ("ModernBert", "EuroBert")),
        (Family(_behind_encoder, after_padding=True, attention=mpnet_attention, cpu_only=True), ("MPNet",)),
        (Family(_last_layer), ("NomicBert", "Gte", "JinaEmbeddingsV3")),
    )
    for name in names
    for kind in ("ForSequenceClassification", "Model")
} | {f"{name}ForSequenceClassification": Family(_last_token) for name in _DECODERS}
"""By the class of the model. ModernBERT's class is that of Ettin, mmBERT and of the GTE models built on it, too."""
