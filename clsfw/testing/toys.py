"""A model and a trainer in plain numpy that run in milliseconds, so that data, metrics and watchers meet a real run.

The classifier is softmax regression on hashed words (with several labels per text, one logistic regression per class).
It keeps the whole contract, resuming included, and is short enough to be read as an example of it.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from clsfw.contract.parts import Labels, Prediction
from clsfw.errors import ModelError, TrainingError
from clsfw.kit import texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Reporter
    from clsfw.contract.run import Run
    from clsfw.kit.pairs import Text

_BUCKETS = 64
_LONGEST = 512


class ToyClassifier:
    """Weights [buckets, C] over hashed words; a word of the second text of a pair is another word."""

    takes_pairs = True

    def __init__(self, labels: Labels, weights: NDArray[np.float32]) -> None:
        self.labels = labels
        self.weights = weights

    def features(self, texts: Sequence[Text]) -> NDArray[np.float32]:
        """Count hashed words [N, buckets] of the first 512 words of each text or pair, as shares."""
        counts = np.zeros((len(texts), _BUCKETS), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _words(text)[:_LONGEST]:
                counts[row, zlib.crc32(word.encode("utf-8", "replace")) % _BUCKETS] += 1
        return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), dtype=np.float32)

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [N, C] for features [N, buckets]."""
        logits = features @ self.weights
        if self.labels.multi_label:
            return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)

    def targets(self, column: Sequence[Any]) -> NDArray[np.float32]:
        """Turn a label column into 0/1 [N, C]."""
        matrix = np.zeros((len(column), len(self.labels.names)), dtype=np.float32)
        for row, ids in enumerate(column):
            matrix[row, ids] = 1
        return matrix

    def save(self, directory: Path) -> None:
        """Write the weights and the label names."""
        np.save(directory / "weights.npy", self.weights, allow_pickle=False)
        facts = {"names": list(self.labels.names), "multi_label": self.labels.multi_label}
        (directory / "labels.json").write_text(json.dumps(facts), encoding="utf-8")

    def parameters(self) -> tuple[int, int]:
        """All of the weights are trained."""
        return self.weights.size, self.weights.size


def _words(text: Text) -> list[str]:
    if isinstance(text, str):
        return text.lower().split()
    first, second = text
    return [*first.lower().split(), *(f"2 {word}" for word in second.lower().split())]


class ToyModel:
    """Starts and loads toy classifiers."""

    takes_pairs = True

    def create(self, labels: Labels, texts: Sequence[Text], seed: int, reporter: Reporter) -> ToyClassifier:
        """Start with small random weights."""
        weights = np.random.default_rng(seed).normal(0, 0.01, (_BUCKETS, len(labels.names)))
        return ToyClassifier(labels, weights.astype(np.float32))

    def load(self, directory: Path) -> ToyClassifier:
        """Get a saved classifier back.

        Raises:
            ModelError: a file is missing or damaged.

        """
        try:
            facts = json.loads((directory / "labels.json").read_text(encoding="utf-8"))
            weights = np.load(directory / "weights.npy", allow_pickle=False)
        except (OSError, ValueError) as exc:
            raise ModelError(f"{directory} holds no toy classifier: {exc}") from exc
        return ToyClassifier(Labels(tuple(facts["names"]), facts["multi_label"]), weights)


class ToyTrainer:
    """Gradient descent in numpy; step N takes the same rows whether or not the run was interrupted before it."""

    needs: ClassVar[type[Any]] = ToyClassifier
    takes_pairs = True

    def __init__(self, steps: int = 12, batch_size: int = 8, learning_rate: float = 2.0, save_steps: int = 4) -> None:
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.save_steps = save_steps

    def fit(self, model: ToyClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place.

        Raises:
            TrainingError: there are no training rows.
            InterruptedRunError: the run was asked to stop.

        """
        features = model.features(texts_of(data["train"]))
        targets = model.targets(data["train"]["label"])
        if len(features) == 0:
            raise TrainingError("there are no training rows")
        checkpoint = run.checkpoints.latest()
        if checkpoint is not None:
            model.weights = np.load(checkpoint.path / "weights.npy", allow_pickle=False)
        for step in range(checkpoint.step + 1 if checkpoint is not None else 1, self.steps + 1):
            rows = np.random.default_rng([run.seed, step]).permutation(len(features))[: self.batch_size]
            loss = self._update(model, features[rows], targets[rows])
            run.log(step, {"loss": loss, "learning_rate": self.learning_rate})
            due = step % self.save_steps == 0 or step == self.steps
            if due and "validation" in data:
                found = model.probabilities(model.features(texts_of(data["validation"])))
                run.evaluate(step, "validation", found)
            stop = run.stop_requested
            if due or stop:
                run.checkpoints.commit(step, lambda folder: np.save(folder / "weights.npy", model.weights))
            if stop:
                run.stop()

    def predict(self, model: ToyClassifier, texts: Sequence[Text], reporter: Reporter) -> Prediction:
        """Predict in the order given."""
        words = np.array([len(_words(text)) for text in texts], dtype=np.int64)
        found = [model.probabilities(model.features([text])) for text in texts]
        reporter.progress("predicting", len(texts), len(texts), "texts")
        empty = np.zeros((0, len(model.labels.names)), dtype=np.float32)
        return Prediction(np.concatenate([empty, *found]), words, words > _LONGEST)

    def _update(self, model: ToyClassifier, features: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
        """Make one step; the gradient of both losses is the same difference."""
        found = model.probabilities(features)
        loss = -np.log(np.maximum(np.where(targets > 0, found, 1), 1e-9)).sum() / len(features)
        model.weights = np.asarray(
            model.weights - self.learning_rate * features.T @ (found - targets) / len(features), dtype=np.float32
        )
        return float(loss)
