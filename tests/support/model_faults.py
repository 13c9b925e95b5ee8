"""Spoiled model folders, one per fault, with what the answer must say: numbers are those of the catalogue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch


class Folder:
    """A copy of a checkpoint that a test may spoil."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def configure(self, file: str = "config.json", **values: Any) -> None:
        """Change values of a JSON file; None takes one out."""
        content = json.loads((self.path / file).read_text())
        content.update(values)
        (self.path / file).write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    def reweigh(self, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
        """Change the tensors."""
        tensors = load_file(self.path / "model.safetensors")
        change(tensors)
        save_file(tensors, self.path / "model.safetensors", {"format": "pt"})


def remove(*names: str) -> Callable[[Any], None]:
    def change(folder: Any) -> None:
        for name in names:
            (folder.path / name).unlink()

    return change


def write(name: str, content: bytes) -> Callable[[Any], None]:
    return lambda folder: (folder.path / name).write_bytes(content)


def configure(**values: Any) -> Callable[[Any], None]:
    return lambda folder: folder.configure(**values)


def rename_weights(name: str) -> Callable[[Any], None]:
    return lambda folder: (folder.path / "model.safetensors").rename(folder.path / name)


def cut_weights(folder: Any) -> None:
    file = folder.path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def damage_header(folder: Any) -> None:
    file = folder.path / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[9] ^= 0xFF
    file.write_bytes(bytes(content))


def index_of(names: dict[str, str]) -> Callable[[Any], None]:
    """Put an index of several files in the place of the weights."""

    def change(folder: Any) -> None:
        (folder.path / "model.safetensors").unlink()
        (folder.path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))

    return change


def _as_one_piece(folder: Any, change: Callable[[dict[str, str]], Any]) -> None:
    """Put an index with one file in the place of the weights, and change what it says of them."""
    names = dict.fromkeys(load_file(folder.path / "model.safetensors"), "model-1.safetensors")
    change(names)
    (folder.path / "model.safetensors").rename(folder.path / "model-1.safetensors")
    (folder.path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def another_in_the_index(folder: Any) -> None:
    _as_one_piece(folder, lambda names: names.update(another="model-1.safetensors"))


def fewer_in_the_index(folder: Any) -> None:
    _as_one_piece(folder, dict.popitem)


def quantise(tensors: dict[str, torch.Tensor]) -> None:
    name = "distilbert.transformer.layer.0.ffn.lin1.weight"
    tensors[name] = tensors[name].char()


def drop_tensor(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["distilbert.transformer.layer.0.ffn.lin1.weight"]


MODEL_FAULTS: list[tuple[str, Callable[[Any], Any], str]] = [
    ("83-no-config", remove("config.json"), r"lacks config\.json"),
    ("83-no-weights", remove("model.safetensors"), r"lacks model\.safetensors"),
    ("83-no-tokenizer", remove("tokenizer.json", "tokenizer_config.json"), "lacks its tokenizer"),
    ("84-empty-weights", write("model.safetensors", b""), r"damaged or cut \(0 bytes\)"),
    ("84-cut-weights", cut_weights, "model.safetensors is damaged or cut"),
    ("84-damaged-header", damage_header, "model.safetensors is damaged or cut"),
    ("84-huge-header", write("model.safetensors", b"\xff" * 64), "model.safetensors is damaged or cut"),
    ("84-no-safetensors", write("model.safetensors", b"\x02\0\0\0\0\0\0\0[]"), "model.safetensors is damaged or cut"),
    ("84-empty-config", write("config.json", b""), "config.json cannot be read as JSON"),
    ("84-nested-config", write("config.json", b"[" * 5000), "config.json cannot be read as JSON"),
    ("84-list-config", write("config.json", b"[]"), "config.json must hold a JSON object"),
    ("84-damaged-tokenizer", write("tokenizer.json", b"{}"), "the tokenizer cannot be read"),
    (
        "84-lacking-tensor",
        lambda folder: folder.reweigh(drop_tensor),
        r"lacks 'distilbert\..*' and 0 more of the encoder",
    ),
    ("84-wrong-shape", configure(hidden_dim=64), "the weights do not fit config.json"),
    ("84-wrong-type", configure(n_layers="3"), "config.json cannot be used: .*n_layers"),
    ("84-absurd-depth", configure(n_layers=1_000_000), "config.json asks for 1000000 layers"),
    ("84-labels-of-a-list", configure(id2label=["a"]), "config.json cannot be used"),
    ("85-pickled-only", rename_weights("pytorch_model.bin"), "only pickled weights, which could run code"),
    ("86-own-code", configure(auto_map={"AutoModel": "evil.Model"}), r"config\.json asks for code of its own"),
    (
        "86-own-tokenizer",
        lambda folder: folder.configure("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", None]}),
        r"tokenizer_config\.json asks for code of its own",
    ),
    (
        "87-other-family",
        configure(model_type="bert"),
        "is a 'bert' model, not 'distilbert'; use the model 'hf-encoder'",
    ),
    ("87-no-family", configure(model_type=None), "is a None model, not 'distilbert'"),
    ("89-too-long", configure(max_position_embeddings=20), "takes 20 tokens at most; lower max_length = 32 to 20"),
    ("91-vocabulary", configure(vocab_size=20), "the tokenizer knows .* tokens, the model only 20"),
    (
        "92-quantised",
        configure(quantization_config={"quant_method": "bitsandbytes"}),
        "quantised, which cannot be trained",
    ),
    ("92-integer-weights", lambda folder: folder.reweigh(quantise), "is I8: the model is quantised"),
    ("93-index-damaged", rename_weights("model.safetensors.index.json"), "index.json cannot be read as JSON"),
    ("93-index-empty", index_of({}), "index.json has no weight_map"),
    ("93-piece-missing", index_of({"a": "model-1-of-2.safetensors"}), "lacks model-1-of-2.safetensors, which model"),
    ("93-piece-elsewhere", index_of({"a": "../model-1.safetensors"}), "names '../model-1.safetensors', which is not"),
    ("93-piece-lacks-tensor", another_in_the_index, r"model-1\.safetensors lacks 'another', other than model\."),
    ("93-piece-has-more", fewer_in_the_index, r"model-1\.safetensors has '.*', other than model\.safetensors\.index"),
]

NEED_THE_WEIGHTS = {"84-lacking-tensor", "84-wrong-shape"}
"""Cases that show only when the weights are loaded."""
