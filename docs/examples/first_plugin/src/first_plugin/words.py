"""A model that counts words: naive Bayes."""

import json
from collections.abc import Sequence
from pathlib import Path

import clsfw
import numpy as np


class Counts:
    """How often each known word stands in the texts of each class."""

    def __init__(self, labels: clsfw.Labels, words: list[str], table: np.ndarray):
        self.labels = labels
        self.words = words
        self.table = table  # [words, classes]
        self.row_of = {word: row for row, word in enumerate(words)}

    def rows(self, text: str) -> list[int]:
        return [self.row_of[w] for w in text.lower().split() if w in self.row_of]

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        # One is added to each count, so that no word makes a class impossible.
        shares = np.log((self.table + 1) / (self.table + 1).sum(axis=0))
        scores = np.array([shares[self.rows(text)].sum(axis=0) for text in texts])
        scores = scores.reshape(len(texts), len(self.labels.names))
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)

    def save(self, directory: Path) -> None:
        np.save(directory / "table.npy", self.table, allow_pickle=False)
        facts = {"labels": self.labels.names, "words": self.words}
        (directory / "words.json").write_text(json.dumps(facts), encoding="utf-8")

    def parameters(self) -> tuple[int, int]:
        return self.table.size, self.table.size


class WordCounts:
    def create(
        self,
        labels: clsfw.Labels,
        texts: Sequence[str],
        seed: int,
        reporter: clsfw.Reporter,
    ) -> Counts:
        if labels.multi_label:
            raise clsfw.ModelError("word-counts takes one label per text")
        words = sorted({word for text in texts for word in text.lower().split()})
        reporter.note(f"{len(words)} words are known")
        return Counts(labels, words, np.zeros((len(words), len(labels.names))))

    def load(self, directory: Path) -> Counts:
        try:
            facts = json.loads((directory / "words.json").read_text(encoding="utf-8"))
            table = np.load(directory / "table.npy", allow_pickle=False)
        except (OSError, ValueError) as exc:
            raise clsfw.ModelError(f"{directory}: no word counts: {exc}") from exc
        return Counts(clsfw.Labels(tuple(facts["labels"])), facts["words"], table)
