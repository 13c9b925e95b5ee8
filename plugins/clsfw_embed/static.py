"""A static model of model2vec: each token has its vector, and a text the mean of them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from clsfw import HostError, ModelError
from clsfw.kit import encodable
from clsfw_embed.vectors import Vectors
from clsfw_hf_encoders.folder import WEIGHTS, read_header, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clsfw import Reporter
    from clsfw_embed.folder import Embedding


def require_library() -> None:
    """See that model2vec is installed.

    Raises:
        HostError: it is not.

    """
    if importlib.util.find_spec("model2vec") is None:
        raise HostError(
            "model 'embed' needs the package model2vec for a static model, which is not installed: "
            'pip install "clsfw[model2vec]"'
        )


class StaticEncoder:
    """Satisfies `Encoder`."""

    def __init__(self, folder: Path, embedding: Embedding, where: str) -> None:
        require_library()
        header = read_header(folder / WEIGHTS, where)
        shape = header.shapes.get("embeddings", ())
        if len(shape) != 2:  # noqa: PLR2004  # tokens and width
            raise ModelError(f"{where}: {WEIGHTS} has no matrix 'embeddings', which a model of model2vec has")
        self.folder = folder
        self.embedding = embedding
        self.width = shape[1]
        self.parameters = header.parameters
        self.weights_sha256 = sha256(folder / WEIGHTS)
        self._where = where
        try:
            self._tokenizer_sha256 = sha256(folder / "tokenizer.json")
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as exc:  # the library raises no narrower class
            raise ModelError(f"{where}: the tokenizer cannot be read: {exc}") from exc
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def read(self) -> None:
        """Read the vectors now."""
        _ = self._model

    def key(self) -> str:
        """Name the exact way from texts to vectors by a hash."""
        version = importlib.metadata.version("model2vec")
        parts = [1, version, self.weights_sha256, self._tokenizer_sha256, self.embedding.model_dump()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def encode(self, texts: Sequence[str], reporter: Reporter) -> Vectors:
        """Return the vectors of a chunk of texts."""
        prepared = [encodable(self.embedding.prompt + text) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(prepared, add_special_tokens=False)
        tokens = np.array([len(encoding) for encoding in encodings], dtype=np.int64)
        limit = self.embedding.max_length
        found = self._model.encode(
            prepared, max_length=limit, normalize=self.embedding.normalize, use_multiprocessing=False
        )
        truncated = np.zeros(len(tokens), dtype=np.bool_) if limit is None else tokens > limit
        return Vectors(np.asarray(found, dtype=np.float32), tokens, truncated)

    @cached_property
    def _model(self) -> Any:
        from model2vec import StaticModel

        try:
            return StaticModel.from_pretrained(self.folder)
        except Exception as exc:  # whatever the library raises over somebody's files
            raise ModelError(f"{self._where}: model2vec cannot read it: {exc}") from exc
