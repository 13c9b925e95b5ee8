"""A tiny random torch encoder with a tokenizer: what a torch trainer is tried with.

Imported only where it is built, since it imports torch.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save

from clsfw.contract.parts import Labels, TokenizedTexts
from clsfw.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clsfw.contract.parts import Reporter

_PAD, _START = 0, 1
_IDS = 128
_WIDTH = 8
_MAX_LENGTH = 32


class TinyModule(torch.nn.Module):
    """Embeddings, dropout, the mean over the text, and a linear layer: logits [B, C] of ids [B, L]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(_IDS, _WIDTH, padding_idx=_PAD)
        self.norm = torch.nn.LayerNorm(_WIDTH)
        self.dropout = torch.nn.Dropout(0.1)  # so that a resumed run has random numbers to get right
        self.head = torch.nn.Linear(_WIDTH, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any) -> Any:
        """Return an object with `logits`."""
        hidden = self.dropout(self.norm(self.embedding(input_ids)))  # [B, L, W]
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)  # [B, L, 1]
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)  # [B, W]
        return SimpleNamespace(logits=self.head(mean))


class TinyClassifier:
    """Satisfies `clsfw.TorchClassifier`."""

    pad_token_id = _PAD
    max_length = _MAX_LENGTH

    def __init__(self, labels: Labels, module: torch.nn.Module) -> None:
        self.labels = labels
        self.module = module

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Hash words to ids, after one special token."""
        whole = [
            [_START, *(2 + zlib.crc32(word.encode("utf-8", "replace")) % (_IDS - 2) for word in text.split())]
            for text in texts
        ]
        lengths = np.array([len(ids) for ids in whole], dtype=np.int64)
        return TokenizedTexts([ids[:_MAX_LENGTH] for ids in whole], lengths, lengths > _MAX_LENGTH)

    def tokenizer_key(self) -> str:
        """Name the rule."""
        return hashlib.sha256(f"crc32 of words, {_IDS} ids, {_MAX_LENGTH} tokens".encode()).hexdigest()

    def save(self, directory: Path) -> None:
        """Write weights and labels."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.module.state_dict().items()}
        (directory / "model.safetensors").write_bytes(save(weights))
        facts = {"names": list(self.labels.names), "multi_label": self.labels.multi_label}
        (directory / "labels.json").write_text(json.dumps(facts), encoding="utf-8")

    def parameters(self) -> tuple[int, int]:
        """Count."""
        sizes = [(p.numel(), p.requires_grad) for p in self.module.parameters()]
        return sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)


class TinyEncoder:
    """Starts and loads tiny classifiers."""

    def create(self, labels: Labels, texts: Sequence[str], seed: int, reporter: Reporter) -> TinyClassifier:
        """Start with random weights."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return TinyClassifier(labels, TinyModule(len(labels.names)))

    def load(self, directory: Path) -> TinyClassifier:
        """Get a saved classifier back.

        Raises:
            ModelError: a file is missing or damaged.

        """
        try:
            facts = json.loads((directory / "labels.json").read_text(encoding="utf-8"))
            weights = load_file(directory / "model.safetensors")
            labels = Labels(tuple(facts["names"]), facts["multi_label"])
            with torch.random.fork_rng(devices=[]):
                module = TinyModule(len(labels.names))
            module.load_state_dict(weights)
        except Exception as exc:  # whatever the libraries raise, the cause is a file that this class did not write
            raise ModelError(f"{directory} holds no tiny encoder: {exc}") from exc
        return TinyClassifier(labels, module)
