"""A sentence encoder of transformers: forward passes without padding where the architecture is known, then pooling."""

from __future__ import annotations

import contextlib
import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers

from clsfw_embed.vectors import Vectors
from clsfw_hf_encoders.classifier import quiet
from clsfw_hf_encoders.folder import CONFIG, sha256
from clsfw_hf_encoders.loading import build_module, model_class, read_tokenizer, read_transformers_config
from clsfw_hf_encoders.weights import Weights
from clsfw_runtime.tokenization import Tokenization
from clsfw_torch.dropout import RandomMasks
from clsfw_torch.freed import keep_freed_memory
from clsfw_torch.half import HalfLinears
from clsfw_torch.packed import cut, pack, packable, packed_forward, probe_lengths, share, to_device
from clsfw_torch.tokens import Tokens, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clsfw import Reporter, TokenizedTexts
    from clsfw_embed.folder import Embedding

_CPU_TOKENS, _CUDA_TOKENS = 4096, 16384
"""Tokens computed at a time; these are the sizes that serve the trainers well."""
_SAME = 1e-4
"""Largest difference between packed and padded, relative to the largest number; float32 gives about 1e-6."""


def skeleton(folder: Path, where: str) -> Any:
    """Build the encoder without its weights, to learn what it is."""
    config = read_transformers_config(folder, where)
    with torch.device("meta"):
        return model_class(config)(config).base_model


class TransformerEncoder:
    """Satisfies `Encoder`; weights are read when the first text has to be computed."""

    def __init__(self, folder: Path, embedding: Embedding, where: str) -> None:
        self.folder = folder
        self.embedding = embedding
        self._weights = Weights(folder, where)
        self.parameters = self._weights.check()
        self.weights_sha256 = self._weights.sha256()
        self._where = where
        with quiet():
            self._config = read_transformers_config(folder, where)
            tokenizer = read_tokenizer(folder, self._config, where)
        self.width = int(self._config.hidden_size)
        self.pad_token_id: int = tokenizer.pad_token_id
        self._tokenization = Tokenization(
            tokenizer.backend_tokenizer, embedding.max_length or 0, tokenizer.truncation_side
        )
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self._device.type == "cpu":
            keep_freed_memory()
        self._masks = RandomMasks()  # nothing is dropped here, but what is packed can be trained, too
        self._packed: bool | None = None
        self._config_sha256 = sha256(folder / CONFIG)

    def read(self) -> None:
        """Read the weights now."""
        _ = self._module

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Turn texts into ids."""
        prepared = [self.embedding.prompt + text for text in texts]
        return self._tokenization.tokenize(
            [text.lower() for text in prepared] if self.embedding.lower_case else prepared
        )

    def tokenizer_key(self) -> str:
        """Name the exact tokenization by a hash."""
        return self._tokenization.key()

    def key(self) -> str:
        """Name the exact way from texts to vectors by a hash: the last bits hang on machine and versions, too."""
        parts = [
            3,
            self.weights_sha256,
            self._config_sha256,
            self.tokenizer_key(),
            self.embedding.model_dump(),
            (torch.__version__, transformers.__version__),
            (self._device.type, torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def encode(self, texts: Sequence[str], reporter: Reporter) -> Vectors:
        """Return the vectors of a chunk of texts; the reporter gets each part of some thousand tokens."""
        tokens = tokenize(self, texts, reporter, keep=False)  # type: ignore[arg-type]  # it needs no more of a model
        module = self._module
        if self._packed is None:
            self._packed = self._device.type == "cpu" and packable(module) and self._agrees()
            if not self._packed and packable(module) and self._device.type == "cpu":
                reporter.warn("texts are padded, which is slower: packed input gave other results on this machine")
        half = self.embedding.precision == "bf16"
        found = self._vectors(tokens, packed=self._packed, half=half, reporter=reporter)
        return Vectors(found, tokens.whole, tokens.truncated)

    @cached_property
    def _module(self) -> Any:
        with quiet(), torch.random.fork_rng(devices=[]):  # the head is drawn, and thrown away
            module = build_module(self._config, self._weights.read(), self._where).base_model
        return module.to(self._device)

    @cached_property
    def _linears(self) -> HalfLinears:
        return HalfLinears(self._module)

    def _agrees(self) -> bool:
        """Return whether packed input gives what padded input gives, on this model and this machine."""
        lengths = np.minimum(probe_lengths(self._config), self.embedding.max_length or 0)
        ids = np.random.default_rng(0).integers(1, self._config.vocab_size, lengths.sum()).astype(np.int32)
        ids[ids == self.pad_token_id] -= 1
        starts = np.append(0, np.cumsum(lengths)).astype(np.int64)
        tokens = Tokens(ids, starts, lengths, np.zeros(len(lengths), dtype=np.bool_))
        expected = self._vectors(tokens, packed=False)
        difference = np.abs(self._vectors(tokens, packed=True) - expected).max()
        return bool(difference <= _SAME * max(np.abs(expected).max(), 1e-6))

    def _vectors(
        self, tokens: Tokens, *, packed: bool, half: bool = False, reporter: Reporter | None = None
    ) -> NDArray[np.float32]:
        done = 0
        result = np.empty((len(tokens.lengths), self.width), dtype=np.float32)
        first_alone = packed and self.embedding.pooling == "cls"
        ready = packed_forward(self._module, whole=not first_alone) if packed else contextlib.nullcontext()
        cast = torch.autocast(self._device.type, torch.bfloat16, enabled=half)
        linears = self._linears.applied() if half and self._device.type == "cpu" else contextlib.nullcontext()
        with torch.inference_mode(), cast, linears, ready:
            for rows, pooled in self._packed_parts(tokens) if packed else self._padded_parts(tokens):
                whole = pooled.float()  # some architectures end in bf16
                scaled = torch.nn.functional.normalize(whole, dim=1) if self.embedding.normalize else whole
                result[rows] = scaled.cpu().numpy()
                done += len(rows)
                if reporter is not None:
                    reporter.progress("embedding", done, len(result), "texts")
        return result

    def _packed_parts(self, tokens: Tokens) -> Iterator[tuple[NDArray[np.int64], torch.Tensor]]:
        """Return rows [B] and their embeddings [B, F], part by part."""
        for rows in share(tokens.lengths, _CPU_TOKENS):
            inputs = pack(self._module, tokens, rows, self._device, self._masks)
            states = self._module(**inputs).last_hidden_state  # [1, T, F]; of first tokens alone [B, 1, F]
            if self.embedding.pooling == "cls":
                yield rows, states[:, 0]
                continue
            packing = inputs["packing"]
            spans = zip(packing.starts, packing.lengths, strict=True)
            each = (states[0, start : start + length] for start, length in spans)
            pooled = [part.mean(dim=0) if self.embedding.pooling == "mean" else part[-1] for part in each]
            yield rows, torch.stack(pooled)

    def _padded_parts(self, tokens: Tokens) -> Iterator[tuple[NDArray[np.int64], torch.Tensor]]:
        for rows in cut(tokens.lengths, _CUDA_TOKENS if self._device.type == "cuda" else _CPU_TOKENS):
            ids, mask = (to_device(array, self._device) for array in tokens.padded(rows, self.pad_token_id))
            states = self._module(input_ids=ids, attention_mask=mask).last_hidden_state  # [B, L, F]
            if self.embedding.pooling == "cls":
                yield rows, states[:, 0]
            elif self.embedding.pooling == "last":
                yield rows, states[torch.arange(len(rows), device=states.device), mask.sum(dim=1) - 1]
            else:
                yield rows, (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
