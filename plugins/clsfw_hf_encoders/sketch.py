"""A checkpoint of BERT or DistilBERT as far as its small files describe it: nothing here needs torch or transformers.

Only what is plain is known here. Whatever is unusual in a configuration, a tokenizer or the names of weights gives
None, and transformers itself looks at it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw_hf_encoders.folder import SKETCHED
from clsfw_hf_encoders.late import parameters
from clsfw_hf_encoders.vocabulary import PADDING, SPECIAL, backend

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tokenizers import Tokenizer

_SIZES = {
    "bert": ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    "distilbert": ("dim", "hidden_dim", "n_layers", "n_heads"),
}
_MOST_LAYERS = 200
_HARMLESS = {  # keys that change nothing of what is told here
    "_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache", "initializer_range",
    "gradient_checkpointing", "layer_norm_eps", "tie_weights_", "qa_dropout", "output_past", "model_type",
}  # fmt: skip
_USUAL = {  # keys with the one value that is known here
    "activation": "gelu", "hidden_act": "gelu", "position_embedding_type": "absolute", "sinusoidal_pos_embds": False,
    "pad_token_id": 0, "classifier_dropout": None, "is_decoder": False, "add_cross_attention": False,
    "tie_word_embeddings": True, "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip
_RATES = ("attention_dropout", "dropout", "seq_classif_dropout", "attention_probs_dropout_prob", "hidden_dropout_prob")
_TOKENIZERS = {
    None: True, "BertTokenizer": True, "BertTokenizerFast": True, "DistilBertTokenizer": False,
    "DistilBertTokenizerFast": False,
}  # fmt: skip
"""Tokenizers of transformers, with whether they give the types of tokens; where none is named, it takes the first."""


@dataclass(frozen=True)
class Sketch:
    """What is known: the sizes of the encoder (see `parameters`), and its tokenizer."""

    kind: str
    tokens: int
    positions: int
    sizes: tuple[int, int, int]
    token_types: int
    tokenizer: Tokenizer
    padding: int
    with_types: bool

    def parameters(self, classes: int) -> int:
        """Count the parameters, those of a head for so many classes included."""
        return parameters(self.tokens, self.positions, *self.sizes, classes, types=self.token_types)

    def lacks_head_only(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Return whether the weights are those of this encoder, perhaps without its pooler, and of no classifier."""
        wide, inner, layers = self.sizes
        prefix = f"{self.kind}." if any(name.startswith(f"{self.kind}.") for name in shapes) else ""
        expected = _encoder(self.kind, wide, inner, layers, self.tokens, self.positions, self.token_types)
        pooler = {"pooler.dense.weight": (wide, wide), "pooler.dense.bias": (wide,)} if self.kind == "bert" else {}
        own = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
        others = {name for name in shapes if not name.startswith(prefix)} if prefix else set()
        wanted = {name: shape for name, shape in own.items() if name not in pooler}
        return (
            wanted == expected
            and all(own.get(name, shape) == shape for name, shape in pooler.items())
            and all(name.startswith(("cls.", "vocab_")) for name in others)
        )


def sketch(folder: Path, config: Mapping[str, Any]) -> Sketch | None:
    """Return what the configuration and the tokenizer of a checkpoint say, or None where any of it is unusual."""
    kind = config.get("model_type")
    if kind not in SKETCHED:
        return None
    names = _SIZES[kind]
    counts = ["vocab_size", "max_position_embeddings", *names, *(["type_vocab_size"] if kind == "bert" else [])]
    for key, value in config.items():
        if key in counts:
            usual = isinstance(value, int) and not isinstance(value, bool) and value > 0
        elif key in _RATES:
            usual = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1
        else:
            usual = key in _HARMLESS or (key in _USUAL and value == _USUAL[key])
        if not usual:
            return None
    if any(key not in config for key in counts):
        return None
    wide, inner, layers, heads = (config[name] for name in names)
    tokenizer = _tokenizer(folder)
    if tokenizer is None or wide % heads or layers > _MOST_LAYERS or tokenizer[1] > config["vocab_size"]:
        return None
    return Sketch(
        kind, config["vocab_size"], config["max_position_embeddings"], (wide, inner, layers),
        config.get("type_vocab_size", 0), tokenizer[0], 0, tokenizer[2],
    )  # fmt: skip


def _tokenizer(folder: Path) -> tuple[Tokenizer, int, bool] | None:
    """Return a plain WordPiece tokenizer, how many tokens it knows, and whether it gives types of tokens."""
    try:
        content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        vocabulary, lower = content["model"]["vocab"], content["normalizer"]["lowercase"]
        own = backend(vocabulary, lowercase=lower)
    except Exception:  # noqa: BLE001  # whatever is wrong with the files, transformers looks at them and says it
        return None
    made = json.loads(own.to_str())
    told = {**content, "truncation": None, "padding": None}
    for each in (made, told):
        each["decoder"] = None
        each["added_tokens"] = sorted(token["content"] for token in each["added_tokens"])
    named = {"pad_token", "unk_token", "cls_token", "sep_token", "mask_token"}
    usual = {"do_lower_case": lower, "tokenize_chinese_chars": True, "strip_accents": None, "do_basic_tokenize": True}
    harmless = {
        "model_max_length", "tokenizer_class", "name_or_path", "special_tokens_map_file", "added_tokens_decoder",
        "clean_up_tokenization_spaces", "never_split", "backend", "is_local", "local_files_only",
    }  # fmt: skip
    for key, value in settings.items():
        if key in named:
            if value != f"[{key.partition('_')[0].upper()}]":
                return None
        elif key not in harmless and (key not in usual or usual[key] != value):
            return None
    if made != told or vocabulary.get(PADDING) != 0 or settings.get("do_lower_case", True) != lower:
        return None
    if (folder / "vocab.txt").exists() and (folder / "vocab.txt").read_text("utf-8").split("\n") != [*vocabulary, ""]:
        return None
    kind = settings.get("tokenizer_class")
    return (
        (own, len(vocabulary), _TOKENIZERS[kind]) if kind in _TOKENIZERS and set(SPECIAL) <= set(vocabulary) else None
    )


def _encoder(  # noqa: PLR0917  # all sizes of a model
    kind: str, wide: int, inner: int, layers: int, tokens: int, positions: int, types: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of an encoder by its name."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (tokens, wide),
        "embeddings.position_embeddings.weight": (positions, wide),
    }
    if types:
        shapes["embeddings.token_type_embeddings.weight"] = (types, wide)
    square, norm = (wide, wide), (wide,)
    if kind == "bert":
        layer, linear = "encoder.layer", {
            "attention.self.query": square, "attention.self.key": square, "attention.self.value": square,
            "attention.output.dense": square, "intermediate.dense": (inner, wide), "output.dense": (wide, inner),
        }  # fmt: skip
        norms = ["attention.output.LayerNorm", "output.LayerNorm"]
    else:
        layer, linear = "transformer.layer", {
            "attention.q_lin": square, "attention.k_lin": square, "attention.v_lin": square,
            "attention.out_lin": square, "ffn.lin1": (inner, wide), "ffn.lin2": (wide, inner),
        }  # fmt: skip
        norms = ["sa_layer_norm", "output_layer_norm"]
    named = {"embeddings.LayerNorm": norm}
    for number in range(layers):
        named |= {f"{layer}.{number}.{name}": norm for name in norms}
        for name, shape in linear.items():
            shapes[f"{layer}.{number}.{name}.weight"] = shape
            shapes[f"{layer}.{number}.{name}.bias"] = shape[:1]
    for name in named:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = norm
    return shapes
