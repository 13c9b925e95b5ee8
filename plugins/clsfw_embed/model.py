"""Finds an encoder, reads how it embeds, and puts a new or a saved head on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from clsfw import Labels, ModelError
from clsfw_embed.classifier import ABOUT, HEAD, EmbedClassifier, Saved
from clsfw_embed.folder import MORE_FILES, is_static, read_embedding, read_static
from clsfw_embed.static import StaticEncoder, require_library
from clsfw_embed.transformer import TransformerEncoder, skeleton
from clsfw_hf_encoders.checkpoint import Checkpoint, find_checkpoint
from clsfw_hf_encoders.classifier import quiet
from clsfw_hf_encoders.folder import (
    WEIGHTS,
    check_names,
    longest_input,
    padding_counts,
    read_config,
)
from clsfw_hf_encoders.loading import read_tokenizer, read_transformers_config
from clsfw_hf_encoders.weights import Weights, weights_are_here
from clsfw_torch.packed import packable, padded_because

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw import Reporter
    from clsfw_embed import EmbedSettings
    from clsfw_embed.folder import Embedding
    from clsfw_embed.vectors import Encoder


class _Unheard:
    """A reporter for a loaded model, whose trainer shows how far it is."""

    def note(self, text: str) -> None:
        """Leave it out."""

    def warn(self, text: str) -> None:
        """Leave it out."""

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Leave it out."""


class EmbedModel:
    """Satisfies `Model`, `ChecksModel` and `HasProvenance`."""

    def __init__(self, settings: EmbedSettings) -> None:
        self._settings = settings
        self._facts: dict[str, str] = {}

    def create(self, labels: Labels, texts: Sequence[str], seed: int, reporter: Reporter) -> EmbedClassifier:
        """Put a head of zeros on the encoder; nothing here is random."""
        found = self._find(reporter, weights=True)
        embedding = self._embedding(found)
        encoder = _encoder(found.folder, embedding, found.where)
        if not embedding.static and padding_counts(read_config(found.folder, found.where, None)):
            reporter.warn("the embedding of a text depends on the padding of its batch in this architecture")
        self._facts = {
            **found.facts(encoder.weights_sha256),
            **{name: str(value) for name, value in embedding.model_dump().items()},
        }
        weights, bias = np.zeros((len(labels.names), encoder.width)), np.zeros(len(labels.names))
        return EmbedClassifier(labels, encoder, weights, bias, reporter)

    def load(self, directory: Path) -> EmbedClassifier:
        """Get back what `EmbedClassifier.save` wrote.

        Raises:
            ModelError: a file is missing, damaged, or does not fit the others.

        """
        where = directory.name
        check_names({file.name for file in directory.iterdir()}, where)
        try:
            about = Saved.model_validate_json((directory / ABOUT).read_bytes())
            head = load_file(directory / HEAD)
            weights, bias = head["weights"], head["bias"]
        except (OSError, KeyError, SafetensorError, ValidationError) as exc:
            said = " ".join(str(exc).split())[:300]
            raise ModelError(f"{directory} holds no embed model that can be read: {said}") from exc
        encoder = _encoder(directory, about.embedding, where)
        encoder.read()  # whoever loads a model may remove its folder
        labels = Labels(about.labels, about.multi_label)
        if (weights.shape, bias.shape) != ((len(labels.names), encoder.width), (len(labels.names),)):
            raise ModelError(f"{directory}: {HEAD} does not fit {ABOUT} and {WEIGHTS}")
        return EmbedClassifier(labels, encoder, weights, bias, _Unheard())

    def check(self) -> Mapping[str, str]:
        """Look at the checkpoint's small files, and at the header of its weights where they are on this machine."""
        found = self._find(None, weights=False)
        embedding = self._embedding(found)
        facts = {"start": found.where, **({"commit": found.commit} if found.commit is not None else {})}
        if embedding.static:
            require_library()
            facts["architecture"] = "static (model2vec)"
            limit = embedding.max_length
            texts = "one vector for each token, so there is nothing to pad"
        else:
            config = read_config(found.folder, found.where, None)
            with quiet():
                read_tokenizer(found.folder, read_transformers_config(found.folder, found.where), found.where)
                module = skeleton(found.folder, found.where)
            facts["architecture"] = str(config["model_type"])
            limit = longest_input(config)
            texts = "packed without padding on the CPU, padded on a GPU" if packable(module) else padded_because(module)
        if weights_are_here(found.folder):
            facts["parameters"] = f"{Weights(found.folder, found.where).check():,}"
        facts["longest input"] = "no limit" if limit is None else f"{limit} tokens"
        if embedding.max_length != limit:
            facts["cut at"] = f"{embedding.max_length} tokens"
        facts["pooling"] = embedding.told()
        if embedding.precision != "fp32":
            facts["precision"] = embedding.precision
        if embedding.prompt:
            facts["prompt"] = repr(embedding.prompt)
        return facts | {"texts": texts}

    def provenance(self) -> Mapping[str, str]:
        """Name the checkpoint, its commit, the hashes of its files, and how it embeds; empty before `create`."""
        return dict(self._facts)

    def _find(self, reporter: Reporter | None, *, weights: bool) -> Checkpoint:
        name, revision = str(self._settings.checkpoint), self._settings.revision
        return find_checkpoint(name, revision, reporter, weights=weights, more=MORE_FILES)

    def _embedding(self, found: Checkpoint) -> Embedding:
        if is_static(found.folder, found.where):
            return read_static(found.folder, self._settings, found.where)
        config = read_config(found.folder, found.where, None)
        return read_embedding(found.folder, config, self._settings, found.where)


def _encoder(folder: Path, embedding: Embedding, where: str) -> Encoder:
    kind = StaticEncoder if embedding.static else TransformerEncoder
    return kind(folder, embedding, where)
