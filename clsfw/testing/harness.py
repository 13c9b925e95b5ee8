"""Real runs in a temporary directory: the real store, the real handle, and a stop signal at a chosen step."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clsfw.discovery.plugins import Plugin
from clsfw.engine.run import Run
from clsfw.errors import ContractError, InterruptedRunError
from clsfw.evidence.outcomes import NamedMetric
from clsfw.store.rundir import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datasets import Dataset

    from clsfw.contract.parts import Classifier, Labels, Outcome, Prediction, Trainer
    from clsfw.engine.signals import StopSignals
    from clsfw.testing.subject import Subject

SEED = 7


@dataclass
class Listener:
    """A reporter and display that keeps what it is told."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a note."""
        self.notes.append(text)

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.warnings.append(text)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Take it and keep nothing."""

    def stage(self, text: str) -> None:
        """Take it and keep nothing."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """Take it and keep nothing."""

    def evaluated(
        self, step: int, training_loss: float | None, loss: float | None, scores: Mapping[str, float]
    ) -> None:
        """Take it and keep nothing."""


class StopAfter:
    """Stands in for the signals: a stop is asked for from the `asks`-th time on that the trainer looks."""

    def __init__(self, asks: int | None = None) -> None:
        self.looked = 0
        self._asks = asks

    @property
    def received(self) -> int | None:
        """The number of SIGTERM once it is time."""
        self.looked += 1
        return signal.SIGTERM if self._asks is not None and self.looked >= self._asks else None


class PlainScores:
    """Accuracy, and macro precision, recall and F1, so that trainers find the scores that they like to watch."""

    def compute(self, outcome: Outcome) -> dict[str, float]:
        """Score class by class; what is undefined counts as 0."""
        truth, found = outcome.references, outcome.predictions
        if truth.ndim == 1:
            ids = np.arange(len(outcome.labels.names))
            truth, found = truth[:, None] == ids, found[:, None] == ids
        hits = (truth * found).sum(axis=0)
        precision = hits / np.maximum(found.sum(axis=0), 1)
        recall = hits / np.maximum(truth.sum(axis=0), 1)
        f1 = 2 * hits / np.maximum(found.sum(axis=0) + truth.sum(axis=0), 1)
        exact = (truth == found).all(axis=1)
        scores = {"precision": precision, "recall": recall, "f1": f1, "accuracy": exact}
        return {name: float(values.mean()) for name, values in scores.items()}


@contextmanager
def open_run(
    directory: Path,
    data: Mapping[str, Dataset],
    labels: Labels,
    *,
    signals: StopAfter | None = None,
    watchers: Sequence[Plugin] = (),
) -> Iterator[Run]:
    """Open a run in a directory, as the engine does between the building of the model and the training."""
    owner = Plugin("clsfw.testing", "clsfw", "0", "ok")
    with RunDirectory.open(directory) as store:
        store.update(state="running")
        yield Run(
            name="conformance",
            seed=SEED,
            labels=labels,
            data=data,
            store=store,
            metrics=[NamedMetric("plain-scores", owner, PlainScores())],
            watchers=watchers,
            display=Listener(),
            signals=cast("StopSignals", signals or StopAfter()),
        )


@dataclass
class Trained:
    """A classifier after its training: what was saved of it, what was logged, and how often a stop was looked for."""

    classifier: Any
    files: Mapping[str, bytes]
    history: Sequence[Mapping[str, Any]]
    committed: int | None
    looked: int
    interrupted: bool


def create(model: Subject[Any], labels: Labels, data: Mapping[str, Dataset]) -> Classifier:
    """Start a classifier as the engine does."""
    classifier: Classifier = model.build().create(labels, data["train"]["text"], SEED, Listener())
    return classifier


def train(
    trainer: Subject[Any],
    model: Subject[Any],
    labels: Labels,
    data: Mapping[str, Dataset],
    *,
    directory: Path | None = None,
    stop_after: int | None = None,
) -> Trained:
    """Train a new classifier in a run directory (a temporary one by default); continue what is there already."""
    with TemporaryDirectory(prefix="clsfw-") as temporary:
        classifier = create(model, labels, data)
        signals = StopAfter(stop_after)
        interrupted = False
        with open_run(directory or Path(temporary) / "run", data, labels, signals=signals) as run:
            try:
                trainer.build().fit(classifier, data, run)
            except InterruptedRunError:
                interrupted = True
            newest = run.checkpoints.latest()
            history = run._store.history.read()  # noqa: SLF001  # the store is the run's own business, and ours
        committed = newest.step if newest is not None else None
        return Trained(classifier, saved_files(classifier), history, committed, signals.looked, interrupted)


def saved_files(classifier: Classifier) -> dict[str, bytes]:
    """Save a classifier and give its files by name."""
    with TemporaryDirectory(prefix="clsfw-") as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        classifier.save(folder)
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def saved_and_loaded(model: Subject[Any], classifier: Classifier) -> Classifier:
    """Save a classifier, and load it by a newly built model."""
    with TemporaryDirectory(prefix="clsfw-") as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        classifier.save(folder)
        loaded: Classifier = model.build().load(folder)
        return loaded


def predict(who: object, trainer: Trainer[Any], classifier: Classifier, texts: Sequence[str]) -> Prediction:
    """Predict, and see that the answer has the shape that the contract demands.

    Raises:
        ContractError: it has not.

    """
    found = trainer.predict(classifier, texts, Listener())
    expected = (len(texts), len(classifier.labels.names))
    values = np.asarray(found.probabilities)
    if values.shape != expected or values.dtype != np.float32:
        raise ContractError(
            f"{who}: probabilities must be float32 of shape {expected}, not {values.dtype} of {values.shape}"
        )
    if not np.isfinite(values).all() or (values < 0).any() or (values > 1 + 1e-4).any():
        raise ContractError(f"{who}: probabilities must be finite and between 0 and 1")
    if not classifier.labels.multi_label and not np.allclose(values.sum(axis=1), 1, atol=1e-3):
        raise ContractError(f"{who}: the probabilities of a text must sum to 1")
    for name in ("tokens", "truncated"):
        if np.shape(getattr(found, name)) != (len(texts),):
            raise ContractError(f"{who}: {name} must have one value for each of the {len(texts)} texts")
    return found
