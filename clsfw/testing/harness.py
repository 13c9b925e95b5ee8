"""Real runs in a temporary directory: the real store, the real handle, and a stop signal at a chosen step."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clsfw.discovery.parts import BuiltMetric
from clsfw.discovery.plugins import Plugin
from clsfw.engine.handles import TrainerHandle
from clsfw.engine.run import Execution
from clsfw.errors import InterruptedRunError
from clsfw.kit import texts_of
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datasets import Dataset

    from clsfw.contract.parts import Classifier, Labels, Outcome, Prediction
    from clsfw.contract.run import Run
    from clsfw.discovery.parts import BuiltModel, BuiltTrainer, BuiltWatcher
    from clsfw.kit.pairs import Text
    from clsfw.process.signals import StopSignals
    from clsfw.testing.subject import Subject

SEED = 7


class Listener(Quiet):
    """A reporter and display that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.notes.append(text)

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.warnings.append(text)


class StopAfter:
    """Replaces the signals: a stop is asked for from the `asks`-th time on that the trainer looks."""

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
def executing(
    directory: Path,
    data: Mapping[str, Dataset],
    labels: Labels,
    *,
    signals: StopAfter | None = None,
    watchers: Sequence[BuiltWatcher] = (),
    trainer: object = "the trainer",
) -> Iterator[Execution]:
    """Begin an execution in a directory, as the engine does between the building of the model and the training."""
    owner = Plugin("clsfw.testing", "clsfw", "0", "ok")
    with RunDirectory.open(directory) as store:
        store.update(state="running")
        yield Execution(
            name="conformance",
            seed=SEED,
            labels=labels,
            data=data,
            store=store,
            metrics=[BuiltMetric(owner, "plain-scores", PlainScores())],
            watchers=watchers,
            display=Listener(),
            signals=cast("StopSignals", signals or StopAfter()),
            trainer=trainer,
        )


@contextmanager
def open_run(directory: Path, data: Mapping[str, Dataset], labels: Labels) -> Iterator[Run]:
    """Open a run in a directory, as a trainer gets it."""
    with executing(directory, data, labels) as execution:
        yield TrainerHandle(execution)


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
    classifier: Classifier = model.build().create(labels, texts_of(data["train"]), SEED, Listener())
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
        built: BuiltTrainer = trainer.build()
        place = directory or Path(temporary) / "run"
        with executing(place, data, labels, signals=signals, trainer=built) as execution:
            run = TrainerHandle(execution)
            try:
                built.fit(classifier, run.data, run)
            except InterruptedRunError:
                interrupted = True
            newest = execution.store.checkpoints.latest()
            history = execution.store.history.read()
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
        built: BuiltModel = model.build()
        built.save(classifier, folder)
        return built.load(folder)


def predict(trainer: Subject[Any], classifier: Classifier, texts: Sequence[Text]) -> Prediction:
    """Predict as the engine does.

    Raises:
        PluginError: the answer is not what the contract demands.

    """
    built: BuiltTrainer = trainer.build()
    return built.predict(classifier, texts, classifier.labels, Listener())
