"""The trainer `sklearn-fit`: logistic regression in one step."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from safetensors.numpy import load_file, save
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from clsfw import LinearClassifier, Prediction, TrainingError
from clsfw.kit import references
from clsfw_sklearn.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from datasets import Dataset
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from clsfw import Labels, Reporter, Run
    from clsfw_sklearn import SklearnFitSettings

_NEVER = -1e9
"""The score of a class that training never shows: its probability is 0 in float64, and the number is finite."""

_ONLY_STEP = 1
_FITTED = "fitted.safetensors"


class SklearnFit:
    """Fits one logistic regression, or one for each label where a text may carry several."""

    needs: ClassVar[type[Any]] = LinearClassifier

    def __init__(self, settings: SklearnFitSettings) -> None:
        self._settings = settings

    def fit(self, model: LinearClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Fit on the training texts, score the validation texts if there are any, and commit.

        Raises:
            TrainingError: training shows fewer than two classes, or `class_weight` names an unknown label.
            InterruptedRunError: a signal came while it fitted.

        """
        found = run.checkpoints.latest()
        if found is not None:
            arrays = load_file(found.path / _FITTED)
            model.weights, model.bias = arrays["weights"], arrays["bias"]
            return
        if len(data["train"]) == 0:
            raise TrainingError("the train split is empty; there is nothing to learn")
        weights = _weights_of(self._settings, model.labels)
        truth = references(data["train"], model.labels)
        with run.timed("tokenize_seconds"):
            features = model.features(data["train"]["text"])
        with run.timed("train_seconds"):
            _Fit(self._settings, run.seed, run.reporter).into(model, features, truth, weights)
        run.log(_ONLY_STEP, {"loss": _loss(_probabilities(model, features), truth)})
        if "validation" in data:
            with run.timed("evaluation_seconds"):
                seen = _probabilities(model, model.features(data["validation"]["text"]))
                truth = references(data["validation"], model.labels)
                run.evaluate(_ONLY_STEP, "validation", seen.astype(np.float32), _loss(seen, truth))
        run.checkpoints.commit(_ONLY_STEP, lambda folder: _write(folder, model))
        if run.stop_requested:
            run.stop()

    def predict(self, model: LinearClassifier, texts: Sequence[str], reporter: Reporter) -> Prediction:
        """Predict chunk by chunk."""
        probabilities = np.empty((len(texts), len(model.labels.names)), dtype=np.float32)
        tokens = np.empty(len(texts), dtype=np.int64)
        done = 0
        for chunk in chunks(texts):
            here = slice(done, done + len(chunk))
            probabilities[here] = _probabilities(model, model.features(chunk))
            tokens[here] = model.count_tokens(chunk)
            done += len(chunk)
            reporter.progress("predicting", done, len(texts), "texts")
        return Prediction(probabilities, tokens, np.zeros(len(texts), dtype=np.bool_))


class _Fit:
    """One call of the library, with what all its fits share."""

    def __init__(self, settings: SklearnFitSettings, seed: int, reporter: Reporter) -> None:
        self._options = settings.model_dump(exclude={"class_weight"})
        self._seed = seed
        self._reporter = reporter
        self._told = False

    def into(
        self,
        model: LinearClassifier,
        features: csr_matrix,
        truth: NDArray[np.int64],
        weights: str | dict[int, float] | None,
    ) -> None:
        """Fit and put the result into the model."""
        if model.labels.multi_label:
            self._several(model, features, truth, weights)
        else:
            self._one(model, features, truth, weights)

    def _one(self, model: LinearClassifier, features: csr_matrix, truth: NDArray[np.int64], weights: Any) -> None:
        if len(np.unique(truth)) < 2:  # noqa: PLR2004  # there is nothing to tell apart
            raise TrainingError("the training texts carry one label only; there is nothing to learn")
        present = set(truth.tolist())
        if isinstance(weights, dict):
            weights = {label: weight for label, weight in weights.items() if label in present}
        fitted = self._fit(features, truth, weights)
        seen = fitted.classes_
        model.weights = np.zeros_like(model.weights)
        model.bias = np.full_like(model.bias, _NEVER)
        # Of two classes the library keeps the second one's scores alone; the first one's are 0.
        model.bias[seen] = 0.0
        model.weights[seen[-len(fitted.coef_) :]] = fitted.coef_
        model.bias[seen[-len(fitted.coef_) :]] = fitted.intercept_

    def _several(self, model: LinearClassifier, features: csr_matrix, truth: NDArray[np.int64], weights: Any) -> None:
        """Fit one against the rest for each label; a label that training shows always or never keeps to that."""
        new_weights, new_bias = np.zeros_like(model.weights), np.zeros_like(model.bias)
        for label in range(len(model.labels.names)):
            here = truth[:, label]
            if len(np.unique(here)) < 2:  # noqa: PLR2004  # always or never
                new_bias[label] = -_NEVER if here[0] else _NEVER
                continue
            fitted = self._fit(features, here, {1: weights.get(label, 1.0)} if isinstance(weights, dict) else weights)
            new_weights[label], new_bias[label] = fitted.coef_[0], fitted.intercept_[0]
            self._reporter.progress("training", label + 1, len(model.labels.names), "labels")
        if not new_weights.any():
            raise TrainingError(
                "no label is on some of the training texts and not on others; there is nothing to learn"
            )
        model.weights, model.bias = new_weights, new_bias

    def _fit(self, features: csr_matrix, truth: NDArray[np.int64], weights: Any) -> LogisticRegression:
        regression = LogisticRegression(**self._options, class_weight=weights, random_state=self._seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            regression.fit(features, truth)
        if any(issubclass(warning.category, ConvergenceWarning) for warning in caught) and not self._told:
            self._told = True
            self._reporter.warn(
                f"the solver was stopped by max_iter = {self._options['max_iter']} before it was done; raise max_iter"
            )
        return regression


def _weights_of(settings: SklearnFitSettings, labels: Labels) -> str | dict[int, float] | None:
    given = settings.class_weight
    if not isinstance(given, dict):
        return given
    unknown = [name for name in given if name not in labels.names]
    if unknown:
        raise TrainingError(f"class_weight names {unknown[0]!r}, which is none of the labels {list(labels.names)}")
    return {labels.names.index(name): weight for name, weight in given.items()}


def _probabilities(model: LinearClassifier, features: csr_matrix) -> NDArray[np.float64]:
    scores = features @ model.weights.T + model.bias  # [N, C]
    given: NDArray[np.float64] = expit(scores) if model.labels.multi_label else softmax(scores, axis=1)
    return given


def _loss(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Return the mean cross-entropy; with several labels per text the mean over texts and labels."""
    if truth.ndim == 1:
        right = probabilities[np.arange(len(truth)), truth]
    else:
        right = np.where(truth == 1, probabilities, 1 - probabilities)
    return float(-np.log(np.maximum(right, np.finfo(np.float64).tiny)).mean())


def _write(folder: Path, model: LinearClassifier) -> None:
    (folder / _FITTED).write_bytes(save({"weights": model.weights, "bias": model.bias}))
