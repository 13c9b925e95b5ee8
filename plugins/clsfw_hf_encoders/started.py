"""Starts classifiers from plain checkpoints without torch, and from all others by `HfModel`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from clsfw_hf_encoders.checkpoint import Checkpoint, find_checkpoint
from clsfw_hf_encoders.folder import check_length, read_config
from clsfw_hf_encoders.late import CLASSES, LateClassifier
from clsfw_hf_encoders.sketch import sketch
from clsfw_hf_encoders.weights import Weights, weights_are_here
from clsfw_runtime.tokenization import Tokenization
from clsfw_torch.length import require_torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw import Labels, Reporter
    from clsfw_hf_encoders import EncoderSettings
    from clsfw_hf_encoders.classifier import HfClassifier
    from clsfw_hf_encoders.model import HfModel
    from clsfw_hf_encoders.sketch import Sketch


class _Silent:
    """A reporter for what was shown already."""

    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None: ...


class StartedModel:
    """Satisfies what `HfModel` does, for settings of which all weights are trained and texts are cut."""

    takes_pairs = True

    def __init__(self, settings: EncoderSettings) -> None:
        require_torch("transformers")
        self._settings = settings
        self._found: Checkpoint | None = None

    @cached_property
    def _whole(self) -> HfModel:
        from clsfw_hf_encoders.model import HfModel

        return HfModel(self._settings)

    def create(
        self, labels: Labels, texts: Sequence[str], seed: int, reporter: Reporter
    ) -> LateClassifier | HfClassifier:
        """Start a classifier whose weights are read, and whose head is drawn by `seed`, when they are first used."""
        found, known = self._look(reporter, weights=True)
        if known is None or not known.lacks_head_only(Weights(found.folder, found.where).shapes()):
            return self._whole.create(labels, texts, seed, reporter)
        reporter.note("the checkpoint has no classification head; a new one is drawn by the seed")
        self._found = found
        tokenization = Tokenization(known.tokenizer, self._settings.max_length, types=known.with_types)
        return LateClassifier(
            labels,
            tokenization,
            known.padding,
            known.parameters(len(labels.names)),
            lambda: self._whole.create(labels, texts, seed, _Silent()),
        )

    def load(self, directory: Path) -> HfClassifier:
        """Get back what was saved."""
        return self._whole.load(directory)

    def check(self) -> Mapping[str, str]:
        """Look at the checkpoint's small files; see `ChecksModel`."""
        found, known = self._look(None, weights=False)
        if known is None:
            return self._whole.check()
        facts = {"start": found.where, "architecture": known.kind}
        if found.commit is not None:
            facts["commit"] = found.commit
        if weights_are_here(found.folder):
            facts["parameters"] = f"{Weights(found.folder, found.where).check():,}"
        facts["longest input"] = f"{known.positions} tokens"
        facts["with gpu-trainer"] = "packed without padding"
        return facts

    def separator(self) -> str | None:
        """Return the tokenizer's separator; see `HasSeparator`."""
        return self._whole.separator()

    def provenance(self) -> Mapping[str, str]:
        """Name the checkpoint, its commit and the hashes of its files; empty before `create`."""
        if self._found is None:
            return self._whole.provenance()
        weights = Weights(self._found.folder, self._found.where)
        config: dict[str, Any] = read_config(self._found.folder, self._found.where, self._settings.family)
        return {**self._found.facts(weights.sha256()), "architecture": CLASSES[config["model_type"]]}

    def _look(self, reporter: Reporter | None, *, weights: bool) -> tuple[Checkpoint, Sketch | None]:
        settings = self._settings
        found = find_checkpoint(str(settings.checkpoint), settings.revision, reporter, weights=weights)
        config = read_config(found.folder, found.where, settings.family, decoder=settings.decoder)
        check_length(config, settings.max_length, found.where)
        return found, None if settings.dropouts else sketch(found.folder, config)
