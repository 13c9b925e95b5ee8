"""Tiny Hugging Face encoders of the families that gpu-trainer packs, and texts of very different lengths for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from clsfw_torch.tokens import Tokens

FIRST_TOKEN = ["distilbert", "bert", "electra", "roberta", "xlm-roberta", "camembert"]
"""Families whose last layer is computed for first tokens alone."""
ROTARY = ["modernbert", "eurobert", "nomic_bert", "gte", "jina_embeddings_v3"]
DECODERS = ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma3_text", "smollm3"]
FAMILIES = [*FIRST_TOKEN, *ROTARY, "mpnet", *DECODERS]
LENGTHS = (40, 3, 17, 16, 33, 1)  # 110 tokens: more than any of the models has positions

EXPORTABLE = {
    "hf-encoder": {
        "max_length": 24,
        "scratch": {
            "vocab_size": 120,
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        },
    }
}
"""Settings of a model that an exporter's tests export."""


def tiny(family: str, **changes: Any) -> Any:
    """Make a classifier of a family, with random weights that make each token matter; in evaluation mode."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    if family == "distilbert":
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    # Each with what sets it apart: a window of 8 tokens to either side in the second layer, a key for two queries.
    own = {
        "modernbert": {"local_attention": 16, "global_attn_every_n_layers": 2, "cls_token_id": 2, "sep_token_id": 3},
        "eurobert": {"num_key_value_heads": 1, "head_dim": 16},
        "nomic_bert": {"head_dim": 16},
        "mistral": {"sliding_window": 8},
        "qwen3": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
        "gemma3_text": {"sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"]},
    }.get(family, {})
    if family in DECODERS:
        own = {"num_key_value_heads": 1, "head_dim": 16, **own}
    if family in {*ROTARY, *DECODERS}:  # by default they name tokens that so small a vocabulary does not have
        own = {**own, "bos_token_id": 2, "eos_token_id": 3}
    common = {"vocab_size": 80, "max_position_embeddings": 48, "pad_token_id": 1, "num_labels": 3}
    config = AutoConfig.for_model(family, **{**common, "initializer_range": 0.5, **sizes, **own, **changes})
    return AutoModelForSequenceClassification.from_config(config).eval()


def some_tokens() -> Tokens:
    """Make six texts of random ids."""
    lengths = np.array(LENGTHS)
    ids = np.random.default_rng(0).integers(2, 80, size=lengths.sum()).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return Tokens(ids, starts, lengths, np.zeros(len(lengths), dtype=np.bool_))


def padded_inputs() -> dict[str, torch.Tensor]:
    """Give the six texts as a model's arguments, the usual way."""
    ids, mask = some_tokens().padded(np.arange(len(LENGTHS)), 1)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


def logits_and_gradients(model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Give what a model answers to the six texts, and the gradient of each parameter that has one."""
    model.zero_grad()
    logits = model(**inputs).logits
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1, 2])).backward()
    return logits.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_gradients_close(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    """See that the same parameters have the same gradients, up to the order of float32 sums."""
    assert set(found) == set(wanted)
    for name, gradient in wanted.items():
        torch.testing.assert_close(
            found[name], gradient, rtol=1e-3, atol=1e-5 * float(gradient.abs().max() + 1), msg=name
        )
