"""From texts to the answers of `/predict` and `/explain`, with what `clsfw predict` says of the same texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.parts import TellsWords
from clsfw.discovery.parts import BuiltModel
from clsfw.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.inference.classifier import LoadedClassifier

_WORDS = 8
"""The most words that an explanation names."""


@dataclass(frozen=True)
class Answer:
    """What is said of one text: label and score of each class, the decided ones first, then the likeliest.

    `cut` says that the model did not see the whole text; `words` are those that decided, of each decided label.
    """

    scores: tuple[tuple[str, float], ...]
    chosen: tuple[str, ...]
    cut: bool
    words: tuple[tuple[str, ...], ...]


class Answering:
    """Answers texts with a loaded classifier.

    Raises:
        UsageError: it is for pairs of texts.

    """

    def __init__(self, classifier: LoadedClassifier) -> None:
        if classifier.rows.text_pair_column is not None:
            raise UsageError(f"{classifier.directory} is of pairs of texts, which the server does not take")
        self.classifier = classifier
        self.explains = isinstance(classifier.model, TellsWords)
        self._model: BuiltModel | None = None
        if self.explains:
            self._model = classifier.parts.build(BuiltModel, classifier.recipe["model"])

    def __call__(self, texts: Sequence[str], *, explain: bool) -> tuple[list[Answer], int]:
        """Answer each text; also return how many tokens they had.

        Raises:
            PluginError: the plugin of the trainer, the model or the exporter failed.

        """
        given = self.classifier.predict(texts)
        decided = self.classifier.decide(given.probabilities)
        answers = [
            self._answer(text, row, chosen, cut=bool(cut), explain=explain)
            for text, row, chosen, cut in zip(texts, given.probabilities, decided, given.truncated, strict=True)
        ]
        return answers, int(given.tokens.sum())

    def _answer(self, text: str, row: Any, decided: Any, *, cut: bool, explain: bool) -> Answer:
        """Answer one text, of probabilities [C], and a class id or 0/1 [C]."""
        labels = self.classifier.labels
        names = labels.names
        chosen = [int(i) for i in np.flatnonzero(decided)] if labels.multi_label else [int(decided)]
        chosen.sort(key=lambda i: -row[i])
        others = [int(i) for i in np.argsort(-row, kind="stable") if i not in chosen]
        # The shortest digits that read back as the same float32, as `predict` gives them.
        scores = tuple((names[i], float(str(row[i]))) for i in (*chosen, *others))
        words: tuple[tuple[str, ...], ...] = ()
        if explain and self._model is not None:
            model = self.classifier.model
            words = tuple(tuple(self._model.telling_words(model, i, text, _WORDS)) for i in chosen)
        return Answer(scores, tuple(names[i] for i in chosen), cut, words)
