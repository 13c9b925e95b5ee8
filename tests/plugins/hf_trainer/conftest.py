"""Small real models, data and runs for the tests of hf-trainer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from clsfw.contract.parts import Labels
from clsfw.discovery.parts import BuiltMetric
from clsfw.discovery.plugins import Plugin
from clsfw.engine.handles import TrainerHandle
from clsfw.engine.run import Execution
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory
from clsfw_hf_encoders import DistilbertSizes, HfDistilbert
from clsfw_hf_encoders.model import HfModel
from clsfw_hf_trainer import HfTrainerSettings
from clsfw_hf_trainer.trainer import HfTrainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clsfw.contract.parts import Outcome
    from clsfw_hf_encoders.classifier import HfClassifier

WORDS = ("a", "dull", "film", "with", "no", "heart", "fine", "lovely", "cast", "slow", "plot", "great", "score", "joy")
LABELS = Labels(("no", "yes"))


class Accuracy:
    def compute(self, outcome: Outcome) -> Mapping[str, float]:
        return {"accuracy": float((outcome.references == outcome.predictions).mean())}


class Kit:
    """Makes tiny classifiers and data, and trains as the engine does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def data(self, rows: int, *, labels: Labels = LABELS, seed: int = 0) -> Dataset:
        """Make so many labelled texts of uneven length, some of them too long for the classifier."""
        generator = np.random.default_rng(seed)
        texts, truth = [], []
        for _ in range(rows):
            words = generator.integers(0, len(WORDS), size=generator.integers(1, 20))
            texts.append(" ".join(WORDS[word] for word in words))
            several = [c for c in range(len(labels.names)) if (words % (c + 3) == 0).any()]
            truth.append(several if labels.multi_label else int(words[0]) % len(labels.names))
        names = ClassLabel(names=list(labels.names))
        kind = List(names) if labels.multi_label else names
        return Dataset.from_dict(
            {"text": texts, "label": truth}, features=Features({"text": Value("string"), "label": kind})
        )

    def classifier(self, *, labels: Labels = LABELS, dropout: float = 0.1, **settings: Any) -> HfClassifier:
        """Make a tiny DistilBERT, the same one each time."""
        sizes = DistilbertSizes(vocab_size=100, dim=16, n_layers=2, n_heads=2, hidden_dim=32)
        dropouts = dict.fromkeys(("dropout", "attention_dropout", "seq_classif_dropout"), dropout)
        model = HfModel(HfDistilbert(scratch=sizes, max_length=16, **dropouts, **settings))
        return model.create(labels, WORDS, 1, Quiet())

    def trainer(self, **settings: Any) -> HfTrainer:
        """Build the trainer for a small run on the CPU."""
        return HfTrainer(HfTrainerSettings(**{"device": "cpu", "batch_size": 8, "learning_rate": 1e-3, **settings}))

    @contextlib.contextmanager
    def open_run(
        self, data: Mapping[str, Dataset], *, labels: Labels = LABELS, name: str = "run", display: Any = None
    ) -> Iterator[TrainerHandle]:
        """Open a run on a directory."""
        metric = BuiltMetric(Plugin("tests", "tests", "0", "ok"), "accuracy", Accuracy())
        with RunDirectory.open(self._folder / name) as store, StopSignals() as signals:
            execution = Execution(
                name=name, seed=42, labels=labels, data=data, store=store, metrics=[metric], watchers=[],
                display=display or Quiet(), signals=signals,
            )  # fmt: skip
            yield TrainerHandle(execution)

    def fit(
        self, model: HfClassifier, data: Mapping[str, Dataset], *, name: str = "run", **settings: Any
    ) -> TrainerHandle:
        """Train; gives the run."""
        with self.open_run(data, labels=model.labels, name=name) as run:
            self.trainer(**settings).fit(model, data, run)
            return run

    def splits(self, rows: int = 61, *, labels: Labels = LABELS) -> dict[str, Dataset]:
        """Make a train and a validation split."""
        return {"train": self.data(rows, labels=labels), "validation": self.data(30, labels=labels, seed=1)}


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    """Give the means to make tiny runs."""
    return Kit(tmp_path)


@pytest.fixture(scope="module")
def module_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """Give the same for runs that several tests look at."""
    return Kit(tmp_path_factory.mktemp("runs"))
