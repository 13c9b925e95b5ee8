"""The trainer `sklearn-fit`: logistic regression in one step."""

from __future__ import annotations

import json
import mmap
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from safetensors.numpy import load_file, save
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning

from clsfw import LinearClassifier, PlanFacts, Prediction, TrainingError
from clsfw.kit import references, texts_of
from clsfw_sklearn.choice import FOLDS, WITHOUT_CHOICE, folds, teaches, until_it_rises
from clsfw_sklearn.chunks import Text, chunks
from clsfw_sklearn.reporting import Predicting, Stopping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from datasets import Dataset
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    from clsfw import Labels, Reporter, Run
    from clsfw_sklearn import SklearnFitSettings

    Features: TypeAlias = csr_matrix | NDArray[np.float64]

_NEVER = -1e9
"""The score of a class that training never shows: its probability is 0 in float64, and the number is finite."""

_OF_OPENBLAS = 64 * 2**20  # bytes of addresses, none of which is ever touched
_ONLY_STEP = 1
_FITTED, _CHOSEN = "fitted.safetensors", "chosen.json"


@runtime_checkable
class Truncates(Protocol):
    """A linear model that may see a part of a text only."""

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts it sees a part of."""


@runtime_checkable
class Reports(Protocol):
    """A linear model that shows a reporter how far it is with features that take long; what it raises ends them."""

    reporter: Reporter


class SklearnFit:
    """Fits one logistic regression, or one for each label where a text may carry several."""

    needs: ClassVar[type[Any]] = LinearClassifier
    takes_pairs = True

    def __init__(self, settings: SklearnFitSettings) -> None:
        self._settings = settings

    def fit(self, model: LinearClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Fit on the training texts, score the validation texts if there are any, and commit.

        Raises:
            TrainingError: training shows fewer than two classes, or `class_weights` do not fit the labels.
            InterruptedRunError: a signal came while it fitted.

        """
        found = run.checkpoints.latest()
        if found is not None:
            arrays = load_file(found.path / _FITTED)
            model.weights, model.bias = arrays["weights"], arrays["bias"]
            run.record(**json.loads((found.path / _CHOSEN).read_text(encoding="utf-8")))
            return
        if len(data["train"]) == 0:
            raise TrainingError("the train split is empty; there is nothing to learn")
        train = references(data["train"], model.labels)
        if isinstance(model, Reports):
            model.reporter = Stopping(run)
        with run.timed("tokenize_seconds"):
            features = model.features(cast("Any", texts_of(data["train"])))
        held_out = None
        if "validation" in data:
            with run.timed("evaluation_seconds"):
                texts = cast("Any", texts_of(data["validation"]))
                held_out = model.features(texts), references(data["validation"], model.labels)
        with run.timed("train_seconds"):
            fit = _Fit(self._settings, model.labels, run)
            chosen = fit.into(model, features, train, held_out)
            loss = _loss(_probabilities(model, features), train)
        run.record(**chosen)
        run.log(_ONLY_STEP, {"loss": loss})
        if held_out is not None:
            with run.timed("evaluation_seconds"):
                seen = _probabilities(model, held_out[0])
                run.evaluate(_ONLY_STEP, "validation", seen.astype(np.float32), _loss(seen, held_out[1]))
        with run.timed("checkpoint_seconds"):
            run.checkpoints.commit(_ONLY_STEP, lambda folder: _write(folder, model, chosen))
        if run.stop_requested:
            run.stop()

    def predict(self, model: LinearClassifier, texts: Sequence[Text], reporter: Reporter) -> Prediction:
        """Predict chunk by chunk."""
        probabilities = np.empty((len(texts), len(model.labels.names)), dtype=np.float32)
        tokens = np.empty(len(texts), dtype=np.int64)
        truncated = np.zeros(len(texts), dtype=np.bool_)
        done = 0
        for given in chunks(texts):
            if isinstance(model, Reports):
                model.reporter = Predicting(reporter, done, len(texts))
            chunk = cast("Any", given)  # a model that takes pairs takes them where it takes texts
            here = slice(done, done + len(chunk))
            probabilities[here] = _probabilities(model, model.features(chunk))
            tokens[here] = model.count_tokens(chunk)
            if isinstance(model, Truncates):
                truncated[here] = model.truncated(chunk)
            done += len(chunk)
            reporter.progress("predicting", done, len(texts), "texts")
        return Prediction(probabilities, tokens, truncated)


class _Fit:
    """One call of the library, with what all its fits share."""

    def __init__(self, settings: SklearnFitSettings, labels: Labels, run: Run) -> None:
        self._options = settings.model_dump(exclude={"class_weights"})
        self._weights = _weights_of(settings, labels)
        self._seed = run.seed
        self._reporter = run.reporter
        self._stopped = False

    def into(
        self,
        model: LinearClassifier,
        features: Features,
        truth: NDArray[np.int64],
        held_out: tuple[Features, NDArray[np.int64]] | None,
    ) -> dict[str, object]:
        """Fit, put the result into the model, and return what was chosen for that; `held_out` are validation texts."""
        chosen: dict[str, object] = {}
        if self._options["C"] is None:
            if held_out is None:
                losses = self._losses_by_folds(model, features, truth)
            else:
                losses = until_it_rises(lambda c: self._loss_at(c, model, features, truth, held_out))
            self._options["C"] = min(losses, key=losses.__getitem__) if losses else WITHOUT_CHOICE
            self._tell(losses, "on validation" if held_out is not None else "on held-out thirds of training")
            chosen = {"C": self._options["C"], "C_losses": {f"{c:g}": loss for c, loss in losses.items()}}
        self._stopped = False
        self._fit_all(model, features, truth)
        if self._stopped:
            self._reporter.warn(
                f"the solver was stopped by max_iter = {self._options['max_iter']} before it was done; raise max_iter"
            )
        return chosen

    def _losses_by_folds(
        self, model: LinearClassifier, features: Features, truth: NDArray[np.int64]
    ) -> dict[float, float]:
        """Return the mean loss of each third of the training texts for a model that was fitted to the others."""
        fold = folds(truth, self._seed)
        parts = [(fold != number, fold == number) for number in range(FOLDS)]
        if any(not teaches(truth[seen]) or not rest.any() for seen, rest in parts):
            return {}  # too few texts to leave any out

        def mean_loss(c: float) -> float:
            losses = [
                self._loss_at(c, model, features[seen], truth[seen], (features[rest], truth[rest]))
                for seen, rest in parts
            ]
            return float(np.mean(losses))

        return until_it_rises(mean_loss)

    def _loss_at(
        self,
        c: float,
        model: LinearClassifier,
        features: Features,
        truth: NDArray[np.int64],
        held_out: tuple[Features, NDArray[np.int64]],
    ) -> float:
        self._options["C"] = c
        self._fit_all(model, features, truth)
        return _loss(_probabilities(model, held_out[0]), held_out[1])

    def _tell(self, losses: Mapping[float, float], where: str) -> None:
        if not losses:
            self._reporter.note(f"C = {WITHOUT_CHOICE:g}, as there are too few training texts to choose it by")
            return
        each = ", ".join(f"{loss:.4f} at {c:g}" for c, loss in losses.items())
        self._reporter.note(f"C = {self._options['C']:g} was chosen by the loss {where}: {each}")

    def _fit_all(self, model: LinearClassifier, features: Features, truth: NDArray[np.int64]) -> None:
        if model.labels.multi_label:
            self._several(model, features, truth, self._weights)
        else:
            self._one(model, features, truth, self._weights)

    def _one(self, model: LinearClassifier, features: Features, truth: NDArray[np.int64], weights: Any) -> None:
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

    def _several(self, model: LinearClassifier, features: Features, truth: NDArray[np.int64], weights: Any) -> None:
        """Fit one against the rest for each label; a label that training shows always or never keeps to that."""
        new_weights, new_bias = np.zeros_like(model.weights), np.zeros_like(model.bias)
        for label in range(len(model.labels.names)):
            here = truth[:, label]
            if len(np.unique(here)) < 2:  # noqa: PLR2004  # always or never
                new_bias[label] = -_NEVER if here[0] else _NEVER
                continue
            weight = None if weights is None else dict.fromkeys((0, 1), weights.get(label, 1.0))
            fitted = self._fit(features, here, weight)
            new_weights[label], new_bias[label] = fitted.coef_[0], fitted.intercept_[0]
            self._reporter.progress("training", label + 1, len(model.labels.names), "labels")
        if not new_weights.any():
            raise TrainingError(
                "no label is on some of the training texts and not on others; there is nothing to learn"
            )
        model.weights, model.bias = new_weights, new_bias

    def _fit(self, features: Features, truth: NDArray[np.int64], weights: Any) -> LogisticRegression:
        from sklearn.linear_model import LogisticRegression  # slow, and neither a check nor a prediction needs it

        # OpenBLAS wants 32 MiB at first, and asks for ever where it gets none (`ulimit -v`): be refused before it does.
        mmap.mmap(-1, _OF_OPENBLAS).close()
        regression = LogisticRegression(**self._options, class_weight=weights, random_state=self._seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            regression.fit(features, truth)
        self._stopped |= any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
        return regression


def _weights_of(settings: SklearnFitSettings, labels: Labels) -> str | dict[int, float] | None:
    wrong = next(settings.check_plan(PlanFacts(frozenset(), {}, labels=labels)), None)
    if wrong is not None:
        raise TrainingError(f"{wrong[0]}: {wrong[1]}")
    given = settings.class_weights
    if isinstance(given, list):
        return dict(enumerate(given))
    if isinstance(given, dict):
        return {labels.names.index(name): weight for name, weight in given.items()}
    return given


def _probabilities(model: LinearClassifier, features: Features) -> NDArray[np.float64]:
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


def _write(folder: Path, model: LinearClassifier, chosen: Mapping[str, object]) -> None:
    (folder / _CHOSEN).write_text(json.dumps(chosen, allow_nan=False), encoding="utf-8")
    (folder / _FITTED).write_bytes(save({"weights": model.weights, "bias": model.bias}))
