"""Small real models, data and runs for the tests of gpu-trainer."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from support.together import RECIPE
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from clsfw.contract.parts import Labels, TokenizedTexts
from clsfw.discovery.parts import BuiltMetric
from clsfw.discovery.plugins import Plugin
from clsfw.engine.handles import TrainerHandle
from clsfw.engine.run import Execution
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.trainer import GpuTrainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from clsfw.contract.parts import Outcome

VOCABULARY = 60
MAX_LENGTH = 24
LABELS = Labels(("no", "yes"))


class Classifier:
    """A tiny torch model whose texts are words like `w7`; satisfies `TorchClassifier`."""

    def __init__(self, module: torch.nn.Module, labels: Labels) -> None:
        self.module = module
        self.labels = labels
        self.pad_token_id = 0
        self.max_length = MAX_LENGTH
        self.calls = 0

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        self.calls += 1
        whole = [[2, *(int(word[1:]) for word in text.split()), 3] for text in texts]
        tokens = np.array([len(ids) for ids in whole], dtype=np.int64)
        return TokenizedTexts([ids[:MAX_LENGTH] for ids in whole], tokens, tokens > MAX_LENGTH)

    def tokenizer_key(self) -> str:
        return hashlib.sha256(b"words").hexdigest()

    def save(self, directory: Path) -> None:
        raise NotImplementedError

    def parameters(self) -> tuple[int, int]:
        raise NotImplementedError


def make_classifier(*, labels: Labels = LABELS, dropout: float = 0.0, layers: int = 2) -> Classifier:
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=VOCABULARY, max_position_embeddings=MAX_LENGTH, n_layers=layers, n_heads=2, dim=16, hidden_dim=32,
        dropout=dropout, attention_dropout=dropout, seq_classif_dropout=dropout, num_labels=len(labels.names),
    )  # fmt: skip
    return Classifier(DistilBertForSequenceClassification(config), labels)


def make_data(rows: int, labels: Labels = LABELS, seed: int = 0) -> Dataset:
    generator = np.random.default_rng(seed)
    texts, truth = [], []
    for _ in range(rows):
        words = generator.integers(4, VOCABULARY, size=generator.integers(1, MAX_LENGTH + 6))
        texts.append(" ".join(f"w{word}" for word in words))
        if labels.multi_label:
            truth.append([c for c in range(len(labels.names)) if (words % (c + 3) == 0).any()])
        else:
            truth.append(int(words[0]) % len(labels.names))
    names = ClassLabel(names=list(labels.names))
    kind = List(names) if labels.multi_label else names
    return Dataset.from_dict(
        {"text": texts, "label": truth}, features=Features({"text": Value("string"), "label": kind})
    )


class Accuracy:
    def compute(self, outcome: Outcome) -> Mapping[str, float]:
        return {"accuracy": float((outcome.references == outcome.predictions).mean())}


@dataclass
class Display(Quiet):
    """Keeps what it is told; `stop_at` is the logged step at which a stop is asked for."""

    notes: list[str] = field(default_factory=list)
    logs: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    evaluations: list[tuple[int, float | None, dict[str, float]]] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.notes.append(text)

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        self.logs.append((step, dict(values)))

    def evaluated(
        self, step: int, training_loss: float | None, loss: float | None, scores: Mapping[str, float]
    ) -> None:
        self.evaluations.append((step, loss, dict(scores)))


@pytest.fixture
def classifier() -> Callable[..., Classifier]:
    """Give a way to make a tiny DistilBERT, the same one each time."""
    return make_classifier


@pytest.fixture
def data() -> Callable[..., Dataset]:
    """Give a way to make so many labelled texts of uneven length."""
    return make_data


@pytest.fixture
def open_run(tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[TrainerHandle]]:
    """Give a way to open a run on a directory, as the engine does."""

    @contextlib.contextmanager
    def opened(
        data: Mapping[str, Dataset], labels: Labels, *, name: str = "run", seed: int = 42
    ) -> Iterator[TrainerHandle]:
        metric = BuiltMetric(Plugin("tests", "tests", "0", "ok"), "accuracy", Accuracy())
        with RunDirectory.open(tmp_path / name) as store, StopSignals() as signals:
            execution = Execution(
                name=name, seed=seed, labels=labels, data=data, store=store, metrics=[metric], watchers=[],
                display=Display(), signals=signals,
            )  # fmt: skip
            yield TrainerHandle(execution)

    return opened


def make_trainer(**settings: object) -> GpuTrainer:
    """Build the trainer for a small run on the CPU in float32, where `settings` do not say otherwise."""
    return GpuTrainer(GpuTrainerSettings(**{"device": "cpu", "precision": "fp32", **settings}))


@pytest.fixture
def trainer() -> Callable[..., GpuTrainer]:
    """Give a way to build the trainer."""
    return make_trainer


@pytest.fixture
def fit(open_run: Callable[..., contextlib.AbstractContextManager[TrainerHandle]]) -> Callable[..., TrainerHandle]:
    """Give a way to train a tiny model as the engine does; gives the run."""

    def fitted(
        model: Classifier, data: Mapping[str, Dataset], *, name: str = "run", seed: int = 42, **settings: object
    ) -> TrainerHandle:
        with open_run(data, model.labels, name=name, seed=seed) as run:
            make_trainer(**settings).fit(model, data, run)
            return run

    return fitted


@pytest.fixture
def kit(open_run: object, fit: object) -> SimpleNamespace:
    """Give all of the above in one, for tests that need many of them."""
    return SimpleNamespace(classifier=make_classifier, data=make_data, trainer=make_trainer, open_run=open_run, fit=fit)


@pytest.fixture
def recipe(tmp_path: Path, data: Callable[..., Dataset]) -> Path:
    """Give a recipe of 60 steps whose batches come in several parts."""
    rows = data(100)
    lines = [f"{text},{('no', 'yes')[label]}" for text, label in zip(rows["text"], rows["label"], strict=True)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    (tmp_path / "together.toml").write_text(RECIPE.format(trainer="gpu-trainer"))
    return tmp_path / "together.toml"
