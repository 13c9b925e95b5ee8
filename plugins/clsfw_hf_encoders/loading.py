"""Reads the parts of a checked model folder with transformers, which gets no path to anything but that folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoConfig, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from clsfw import ModelError
from clsfw_hf_encoders.folder import CONFIG, WEIGHTS
from clsfw_hf_encoders.sentencepiece import check_class, check_model, sentencepiece_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

_ALIGNMENT = 64  # bytes; where torch begins every tensor that it allocates on the CPU
_MOST_LAYERS = 1000  # far beyond any encoder: a damaged number must not keep the machine busy for hours


def read_transformers_config(folder: Path, where: str) -> Any:
    """Read the configuration.

    Raises:
        ModelError: transformers cannot use it.

    """
    with _refusing(where, f"{CONFIG} cannot be used"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        label_names(config)
        layers = getattr(config, "num_hidden_layers", 0)
        if layers > _MOST_LAYERS:
            raise ModelError(f"{where}: {CONFIG} asks for {layers} layers")
        with torch.device("meta"):
            model_class(config)(config)
    return config


def read_tokenizer(folder: Path, config: Any, where: str, *, lend_padding: bool = False) -> PreTrainedTokenizerFast:
    """Read the tokenizer; with `lend_padding` another special token takes the place of a padding token that it lacks.

    Raises:
        ModelError: it is damaged, has no fast form or no padding, or belongs to another model.
        HostError: it needs a package that is not installed.

    """
    pieces = sentencepiece_model(folder)
    if pieces is not None:
        check_model(pieces, where)
    with _refusing(where, "the tokenizer cannot be read"):
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, config=config, use_fast=True, trust_remote_code=False, local_files_only=True
        )
    if pieces is not None:
        check_class(tokenizer, pieces, where)
    if not tokenizer.is_fast:
        raise ModelError(f"{where}: the tokenizer has no fast form (tokenizer.json)")
    if tokenizer.pad_token_id is None and lend_padding:
        # The classifiers on top of decoders look for the last token that is not the padding token. One that ends texts
        # may be it: then they look at the one before, in each batch alike.
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise ModelError(f"{where}: the tokenizer has no padding token, so texts cannot be put into batches")
    if len(tokenizer) > config.vocab_size:
        raise ModelError(
            f"{where}: the tokenizer knows {len(tokenizer)} tokens, the model only {config.vocab_size}; "
            f"they do not belong together"
        )
    return cast("PreTrainedTokenizerFast", tokenizer)


def read_tensors(file: Path, where: str) -> dict[str, torch.Tensor]:
    """Read all tensors of a file, as float32.

    Raises:
        ModelError: the file cannot be read.

    """
    with _refusing(where, f"{file.name} cannot be read"):
        weights = load_file(file)
    floats = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    return {name: _aligned(tensor) for name, tensor in floats.items()}


def _aligned(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor where torch itself would have put it.

    A file that is mapped into memory starts a tensor at any byte, and some processors' matrix products then take
    another path with other last bits: a reloaded model would not predict what the trained one did.
    """
    return tensor if tensor.data_ptr() % _ALIGNMENT == 0 else tensor.clone()


def label_names(config: Any) -> tuple[str, ...]:
    """Return the label names in the order of their ids."""
    return tuple(str(name) for _, name in sorted(config.id2label.items()))


def model_class(config: Any) -> Any:
    """Return the class that classifies with this kind of encoder."""
    return getattr(transformers, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[config.model_type])


def build_module(config: Any, weights: Mapping[str, torch.Tensor], where: str) -> Any:
    """Build the model around weights; what they lack is drawn at random.

    Raises:
        ModelError: shapes differ, or the encoder lacks weights.

    """
    kind = model_class(config)
    attention = "sdpa" if getattr(kind, "_supports_sdpa", False) else "eager"
    with _refusing(where, f"the weights do not fit {CONFIG}"):
        module, report = kind.from_pretrained(
            None,
            config=config,
            state_dict=dict(weights),
            dtype=torch.float32,
            attn_implementation=attention,
            output_loading_info=True,
        )
    # A pooler may be new, as a head may: checkpoints of masked language models have none.
    lacking = sorted(
        name
        for name in report["missing_keys"]
        if name.startswith(f"{kind.base_model_prefix}.") and ".pooler." not in name
    )
    if lacking:
        raise ModelError(f"{where}: {WEIGHTS} lacks {lacking[0]!r} and {len(lacking) - 1} more of the encoder")
    return module.eval()


@contextmanager
def _refusing(where: str, what: str) -> Iterator[None]:
    """Turn whatever the libraries raise over somebody's files, of which there is no complete list, into one message."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as exc:
        said = " ".join(str(exc).split())[:300] or type(exc).__name__
        raise ModelError(f"{where}: {what}: {said}") from exc
