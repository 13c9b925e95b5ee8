"""Starts a classifier from a checkpoint or from scratch, and gets a saved one back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig

from clsfw import Labels, ModelError
from clsfw_hf_encoders.adapters import add_lora, freeze, require_peft
from clsfw_hf_encoders.checkpoint import Checkpoint, find_checkpoint
from clsfw_hf_encoders.classifier import HfClassifier, quiet
from clsfw_hf_encoders.folder import (
    check_length,
    check_names,
    longest_input,
    padding_counts,
    read_config,
)
from clsfw_hf_encoders.four_bits import require_bitsandbytes, told_cost
from clsfw_hf_encoders.head import without_foreign_head
from clsfw_hf_encoders.loading import (
    build_module,
    label_names,
    model_class,
    read_tokenizer,
    read_transformers_config,
)
from clsfw_hf_encoders.vocabulary import SEPARATOR, bert_tokenizer, learn_vocabulary
from clsfw_hf_encoders.weights import Weights, weights_are_here
from clsfw_torch.packed import told_packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from clsfw import Reporter
    from clsfw_hf_encoders import EncoderSettings


class HfModel:
    """Satisfies `Model`, `ChecksModel`, `HasProvenance`, `HasSeparator` and `TakesPairs`."""

    def __init__(self, settings: EncoderSettings) -> None:
        self.takes_pairs = settings.windows is None
        self._settings = settings
        self._facts: dict[str, str] = {}

    def create(self, labels: Labels, texts: Sequence[str], seed: int, reporter: Reporter) -> HfClassifier:
        """Start a classifier; a new head, or all the weights, are drawn by `seed` alone."""
        with quiet(), _seeded(seed):
            if self._settings.checkpoint is None:
                vocabulary = learn_vocabulary(texts, (self._settings.sizes or {})["vocab_size"])
                module, tokenizer = self._from_nothing(labels, vocabulary)
            else:
                module, tokenizer = self._from_checkpoint(labels, reporter)
            if self._settings.freeze is not None:
                freeze(module, self._settings.freeze)
            if self._settings.lora is not None:
                add_lora(module, self._settings.lora)
        self._facts["architecture"] = type(module).__name__
        return HfClassifier(module, tokenizer, labels, self._settings.max_length, self._settings.windows)

    def load(self, directory: Path) -> HfClassifier:
        """Get back what `HfClassifier.save` wrote."""
        where = directory.name
        check_names({file.name for file in directory.iterdir()}, where)
        weights = Weights(directory, where)
        weights.check()
        with quiet():
            config = read_transformers_config(directory, where)
            module = build_module(config, weights.read(), where)
            tokenizer = read_tokenizer(directory, config, where)
        names = label_names(config)
        labels = Labels(names, multi_label=config.problem_type == "multi_label_classification")
        return HfClassifier(module, tokenizer, labels, self._settings.max_length, self._settings.windows)

    def check(self) -> Mapping[str, str]:
        """Look at the checkpoint's small files, and at the header of its weights where they are on this machine."""
        lora = self._settings.lora
        if lora is not None:
            require_peft()
        if lora is not None and lora.dtype == "nf4":
            require_bitsandbytes()
        if self._settings.checkpoint is None:
            new = self._new_config(self._settings.sizes or {})
            with torch.device("meta"):
                count = model_class(new)(new).num_parameters()
            return {"start": "from scratch", "architecture": new.model_type, "parameters": f"{count:,} at most"}
        with quiet():
            found = self._find(None, weights=False)
            config = read_config(found.folder, found.where, self._settings.family, decoder=self._settings.decoder)
            check_length(config, self._settings.max_length, found.where)
            whole = read_transformers_config(found.folder, found.where)
            tokenizer = self._tokenizer(found, whole)
            with torch.device("meta"):
                skeleton = model_class(whole)(whole)
        facts = {"start": found.where, "architecture": str(config["model_type"])}
        if found.commit is not None:
            facts["commit"] = found.commit
        if weights_are_here(found.folder):
            facts["parameters"] = f"{Weights(found.folder, found.where).check():,}"
        limit = longest_input(config)
        facts["longest input"] = "no limit" if limit is None else f"{limit} tokens"
        facts["with gpu-trainer"] = told_packed(skeleton)
        if lora is not None and lora.dtype == "nf4":
            facts["in 4 bits"] = told_cost(skeleton)
        if self._settings.decoder:
            facts["padding token"] = repr(tokenizer.pad_token)
        if padding_counts(config):
            facts["padding"] = "changes the answers of this architecture"
        return facts

    def separator(self) -> str | None:
        """Return the tokenizer's separator; see `HasSeparator`."""
        if self._settings.checkpoint is None:
            return SEPARATOR
        with quiet():
            found = self._find(None, weights=False)
            config = read_transformers_config(found.folder, found.where)
            token = self._tokenizer(found, config).sep_token
        return None if token is None else str(token)

    def provenance(self) -> Mapping[str, str]:
        """Name the checkpoint, its commit and the hashes of its files; empty before `create`."""
        return dict(self._facts)

    def _find(self, reporter: Reporter | None, *, weights: bool) -> Checkpoint:
        name, revision = str(self._settings.checkpoint), self._settings.revision
        return find_checkpoint(name, revision, reporter, weights=weights)

    def _tokenizer(self, found: Checkpoint, config: Any) -> PreTrainedTokenizerFast:
        return read_tokenizer(found.folder, config, found.where, lend_padding=self._settings.decoder)

    def _from_checkpoint(self, labels: Labels, reporter: Reporter) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
        found = self._find(reporter, weights=True)
        raw = read_config(found.folder, found.where, self._settings.family, decoder=self._settings.decoder)
        check_length(raw, self._settings.max_length, found.where)
        if padding_counts(raw):
            reporter.warn(
                f"the answer of a {raw['model_type']!r} model for a text depends on the padding of its batch, so with "
                "other texts beside it, it may get another"
            )
        files = Weights(found.folder, found.where)
        files.check()
        config = read_transformers_config(found.folder, found.where)
        tokenizer = self._tokenizer(found, config)
        if self._settings.decoder:
            config.pad_token_id = tokenizer.pad_token_id  # by it the head finds the last token of a text
            config.use_cache = False  # nothing is generated
        own_labels = label_names(config)
        self._adjust(config, labels, found.where)
        weights = files.read()
        with torch.device("meta"):
            skeleton = model_class(config)(config)
        weights = without_foreign_head(weights, skeleton, own_labels, labels, reporter)
        module = build_module(config, weights, found.where)
        self._facts = found.facts(files.sha256())
        return module, tokenizer

    def draw(self, labels: Labels, vocabulary: Mapping[str, int], seed: int) -> HfClassifier:
        """Draw the weights of a model from scratch of which nothing is frozen or adapted."""
        with quiet(), _seeded(seed):
            module, tokenizer = self._from_nothing(labels, vocabulary)
        return HfClassifier(module, tokenizer, labels, self._settings.max_length)

    def _from_nothing(
        self, labels: Labels, vocabulary: Mapping[str, int]
    ) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
        sizes = self._settings.sizes or {}
        tokenizer = bert_tokenizer(vocabulary, self._settings.max_length)
        config = self._new_config(sizes | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id})
        self._adjust(config, labels, "[model.scratch]")
        self._facts = {"checkpoint": "none; started from scratch"}
        return model_class(config)(config).eval(), tokenizer

    def _new_config(self, sizes: Mapping[str, int]) -> Any:
        kind = self._settings.family or "bert"
        return AutoConfig.for_model(kind, **sizes, max_position_embeddings=self._settings.max_length)

    def _adjust(self, config: Any, labels: Labels, where: str) -> None:
        """Set the label names, which make the saved model speak them, and the recipe's dropouts."""
        config.id2label = dict(enumerate(labels.names))
        config.label2id = {name: index for index, name in enumerate(labels.names)}
        config.problem_type = "multi_label_classification" if labels.multi_label else "single_label_classification"
        for name, value in self._settings.dropouts.items():
            if not hasattr(config, name):
                raise ModelError(f"{where}: a {config.model_type!r} model has no setting {name!r}")
            setattr(config, name, value)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from `seed`, and leave torch's own generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
