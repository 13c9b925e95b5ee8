"""Reads the parts of a checked model folder with transformers, which gets no path to anything but that folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoConfig, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from clsfw.errors import ModelError
from clsfw_hf_distilbert.folder import CONFIG, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast


def read_transformers_config(folder: Path, where: str) -> Any:
    """Read the configuration.

    Raises:
        ModelError: transformers cannot use it.

    """
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise ModelError(f"{where}: {CONFIG} cannot be used: {_short(exc)}") from exc


def read_tokenizer(folder: Path, config: Any, where: str) -> PreTrainedTokenizerFast:
    """Read the tokenizer.

    Raises:
        ModelError: it is damaged, has no fast form or no padding, or belongs to another model.

    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, config=config, use_fast=True, trust_remote_code=False, local_files_only=True
        )
    except Exception as exc:
        # The tokenizers library raises plain Exception for a damaged file.
        raise ModelError(f"{where}: the tokenizer cannot be read: {_short(exc)}") from exc
    if not tokenizer.is_fast:
        raise ModelError(f"{where}: the tokenizer has no fast form (tokenizer.json)")
    if tokenizer.pad_token_id is None:
        raise ModelError(f"{where}: the tokenizer has no padding token, so texts cannot be put into batches")
    if len(tokenizer) > config.vocab_size:
        raise ModelError(
            f"{where}: the tokenizer knows {len(tokenizer)} tokens, the model only {config.vocab_size}; "
            f"they do not belong together"
        )
    return cast("PreTrainedTokenizerFast", tokenizer)


def read_weights(file: Path, where: str) -> dict[str, torch.Tensor]:
    """Read all tensors, as float32.

    Raises:
        ModelError: the file cannot be read.

    """
    try:
        weights = load_file(file)
    except (SafetensorError, OSError) as exc:
        raise ModelError(f"{where}: {file.name} cannot be read: {_short(exc)}") from exc
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}


def label_names(config: Any) -> tuple[str, ...]:
    """Give the label names in the order of their ids."""
    return tuple(str(config.id2label[index]) for index in range(config.num_labels))


def model_class(config: Any) -> Any:
    """Give the class that classifies with this kind of encoder."""
    return getattr(transformers, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[config.model_type])


def build_module(config: Any, weights: Mapping[str, torch.Tensor], where: str) -> Any:
    """Build the model around weights; what they lack is drawn anew.

    Raises:
        ModelError: shapes differ, or the encoder lacks weights.

    """
    kind = model_class(config)
    attention = "sdpa" if getattr(kind, "_supports_sdpa", False) else "eager"
    try:
        module, report = kind.from_pretrained(
            None,
            config=config,
            state_dict=dict(weights),
            dtype=torch.float32,
            attn_implementation=attention,
            output_loading_info=True,
        )
    except (RuntimeError, ValueError) as exc:
        raise ModelError(f"{where}: the weights do not fit {CONFIG}: {_short(exc)}") from exc
    # A pooler may be new, as a head may: checkpoints of masked language models have none.
    lacking = sorted(
        name
        for name in report["missing_keys"]
        if name.startswith(f"{kind.base_model_prefix}.") and ".pooler." not in name
    )
    if lacking:
        raise ModelError(f"{where}: {WEIGHTS} lacks {lacking[0]!r} and {len(lacking) - 1} more of the encoder")
    return module.eval()


def _short(exc: Exception) -> str:
    lines = str(exc).strip().splitlines()
    return lines[0][:300] if lines else type(exc).__name__
