"""What a model folder says about itself, checked without loading its weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from safetensors import SafetensorError, safe_open

from clsfw import ModelError

if TYPE_CHECKING:
    from pathlib import Path

CONFIG, WEIGHTS = "config.json", "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
"""What names the files of weights that come in several."""
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
_VOCABULARIES = frozenset(TOKENIZER_FILES) - {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"}
SKETCHED = ("bert", "distilbert")
"""The encoders that are known without transformers."""
_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
# Families whose positions start after the padding id, so that the last rows of the table are never reached.
_OFFSET = frozenset(
    {
        "camembert",
        "data2vec-text",
        "ibert",
        "longformer",
        "luke",
        "mpnet",
        "roberta",
        "roberta-prelayernorm",
        "xlm-roberta",
    }
    | {"xlm-roberta-xl", "xmod"}
)
# Families that know no longest input, whatever number their configuration carries.
_RELATIVE = frozenset({"deberta-v2", "xlnet", "funnel"})
# Families that mix padding into a text: by Fourier transforms, convolutions, neighbours, landmarks, blocks or hashes.
_PADDING_COUNTS = frozenset({"big_bird", "convbert", "fnet", "mobilebert", "nystromformer", "reformer", "yoso"})


@dataclass(frozen=True)
class Tensors:
    """The header of a safetensors file: shapes by name."""

    shapes: dict[str, tuple[int, ...]]

    @property
    def parameters(self) -> int:
        """How many numbers the file holds."""
        return sum(prod(shape) for shape in self.shapes.values())


def check_names(names: set[str], where: str) -> None:
    """Check that the files needed are there.

    Raises:
        ModelError: one is missing, or the weights are of a kind that is not read.

    """
    if CONFIG not in names:
        raise ModelError(f"{where}: lacks {CONFIG}; a checkpoint has {CONFIG}, {WEIGHTS} and its tokenizer's files")
    if not names & {WEIGHTS, INDEX}:
        if any(name.endswith((".bin", ".pt", ".ckpt")) for name in names):
            raise ModelError(
                f"{where}: has no {WEIGHTS}, only pickled weights, which could run code; if you trust them, convert "
                f"them: AutoModel.from_pretrained(...).save_pretrained(...)"
            )
        raise ModelError(f"{where}: lacks {WEIGHTS}")
    if not names & _VOCABULARIES:
        raise ModelError(f"{where}: lacks its tokenizer (tokenizer.json, or a vocabulary such as vocab.txt)")


def read_config(folder: Path, where: str, family: str | None, *, decoder: bool = False) -> dict[str, Any]:
    """Read the configuration and check that it is an encoder, or a decoder, that can classify, of `family` if given.

    Raises:
        ModelError: it is unreadable, needs code of its own, is quantised, or is another kind of model.

    """
    config: dict[str, Any] = read_json(folder / CONFIG, where)
    for name in (CONFIG, "tokenizer_config.json"):
        if (folder / name).is_file() and "auto_map" in read_json(folder / name, where):
            raise ModelError(f"{where}: {name} asks for code of its own (auto_map), which is never run")
    if config.get("quantization_config"):
        raise ModelError(f"{where}: the model is quantised, which cannot be trained; use the full checkpoint")
    kind = config.get("model_type")
    if family is not None and kind != family:
        raise ModelError(f"{where}: is a {kind!r} model, not {family!r}; use the model 'hf-encoder' for it")
    found = _kind_of(config)
    if decoder and found == "encoder":
        raise ModelError(f"{where}: is a {kind!r} model, an encoder; use the model 'hf-encoder' for it")
    if decoder and found is None:
        raise ModelError(f"{where}: is a {kind!r} model, not a decoder that classifies text, such as Llama or Qwen")
    if not decoder and found == "decoder":
        raise ModelError(f"{where}: is a {kind!r} model, a decoder; use the model 'hf-decoder' for it")
    if not decoder and found is None:
        raise ModelError(f"{where}: is a {kind!r} model, not an encoder that classifies text, such as BERT or RoBERTa")
    return config


def _kind_of(config: dict[str, Any]) -> Literal["encoder", "decoder"] | None:
    """Return what a model that can classify is; None if it cannot, or is both an encoder and a decoder."""
    kind = config.get("model_type")
    if kind in SKETCHED:
        return None if config.get("is_encoder_decoder") or config.get("is_decoder") else "encoder"
    from transformers.models.auto.modeling_auto import (  # takes seconds, which the two above need not wait for
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    )

    if kind not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES or config.get("is_encoder_decoder"):
        return None
    if kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES:  # a BERT may be told to be a decoder, which nothing here handles
        return None if config.get("is_decoder") else "encoder"
    return "decoder" if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES else None


def longest_input(config: dict[str, Any]) -> int | None:
    """Return the most tokens that the model can take, or None where there is no limit."""
    limit = config.get("max_position_embeddings")
    if not isinstance(limit, int) or config["model_type"] in _RELATIVE:
        return None
    padding = config.get("pad_token_id")
    return limit - (1 if padding is None else padding) - 1 if config["model_type"] in _OFFSET else limit


def padding_counts(config: dict[str, Any]) -> bool:
    """Return whether the model's answer for a text depends on how far its batch is padded."""
    return config["model_type"] in _PADDING_COUNTS


def check_length(config: dict[str, Any], max_length: int, where: str) -> None:
    """Check the recipe's length against the model's.

    Raises:
        ModelError: the model is shorter.

    """
    limit = longest_input(config)
    if limit is not None and max_length > limit:
        raise ModelError(f"{where}: takes {limit} tokens at most; lower max_length = {max_length} to {limit}")


def read_header(file: Path, where: str) -> Tensors:
    """Read names, shapes and kinds of a safetensors file, which the library checks against the file's size.

    Raises:
        ModelError: the file is cut, damaged or quantised.

    """
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with safe_open(file, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118  # it is no mapping
                part = tensors.get_slice(name)
                shapes[name] = tuple(part.get_shape())
                if name.endswith("weight") and part.get_dtype() not in _FLOATS:
                    kind = part.get_dtype()
                    raise ModelError(f"{where}: {name} is {kind}: the model is quantised; use the full checkpoint")
    except (SafetensorError, OSError, ValueError) as exc:
        size = file.stat().st_size
        raise ModelError(f"{where}: {file.name} is damaged or cut ({size} bytes); fetch it again") from exc
    return Tensors(shapes)


def sha256(file: Path) -> str:
    """Hash a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(file: Path, where: str, *, kind: type = dict) -> Any:
    """Read a JSON file that holds an object, or a list where `kind` says so.

    Raises:
        ModelError: it is unreadable, or holds something else.

    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise ModelError(f"{where}: {file.name} cannot be read as JSON: {exc}") from exc
    if not isinstance(content, kind):
        raise ModelError(f"{where}: {file.name} must hold a JSON {'object' if kind is dict else 'list'}")
    return content
