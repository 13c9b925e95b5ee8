from __future__ import annotations

import random
from contextlib import contextmanager

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from clsfw import Labels
from clsfw.contract.component import validate
from clsfw.discovery.parts import BuiltMetric
from clsfw.discovery.plugins import Plugin
from clsfw.engine.handles import TrainerHandle
from clsfw.engine.run import Execution
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory
from clsfw_macro_metrics import MacroMetricsSettings
from clsfw_macro_metrics import build as build_metric
from clsfw_sklearn import SklearnFitSettings, TfidfSettings, build_model, build_trainer

WORDS = {"sport": "ball goal team match", "music": "song band chord drum", "food": "bread soup salt oven"}


def make_rows(names, count, *, multi_label=False, seed=0):
    """Write texts out of the words of their label, or labels, and some that tell nothing."""
    rng = random.Random(seed)
    texts, labels = [], []
    for _ in range(count):
        chosen = [i for i in range(len(names)) if rng.random() < 0.4] if multi_label else [rng.randrange(len(names))]
        words = [rng.choice(WORDS[names[i]].split()) for i in chosen for _ in range(3)]
        words += rng.choices(["the", "a", "of", "it", "was"], k=4)
        rng.shuffle(words)
        texts.append(" ".join(words))
        labels.append(chosen if multi_label else chosen[0])
    kind = ClassLabel(names=list(names))
    features = Features({"text": Value("string"), "label": List(kind) if multi_label else kind})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


class Notes(Quiet):
    """Keeps the warnings."""

    def __init__(self):
        self.warnings = []
        self.notes = []

    def warn(self, text):
        self.warnings.append(text)

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def rows():
    """Give the function that writes data."""
    return make_rows


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def open_run(tmp_path, notes):
    """Give a function that opens the run directory for a fit, as the engine does."""

    @contextmanager
    def opened(labels, data, name="run"):
        plugin = Plugin("macro-metrics", "clsfw", "0", "ok")
        metric = BuiltMetric(plugin, "macro-metrics", build_metric(MacroMetricsSettings()))
        with RunDirectory.open(tmp_path / name) as store, StopSignals() as signals:
            execution = Execution(
                name="test",
                seed=42,
                labels=labels,
                data=data,
                store=store,
                metrics=[metric],
                watchers=[],
                display=notes,
                signals=signals,
            )
            yield TrainerHandle(execution)

    return opened


@pytest.fixture
def fitted(open_run, notes):
    """Give a function that fits a model on data and gives it back with its trainer."""

    def fit(data, *, model=None, trainer=None, name="run"):
        kind = data["train"].features["label"]
        multi_label = isinstance(kind, List)
        labels = Labels(tuple((kind.feature if multi_label else kind).names), multi_label)
        classifier = build_model(validate(TfidfSettings, model or {})).create(labels, data["train"]["text"], 42, notes)
        built = build_trainer(SklearnFitSettings(**(trainer or {})))
        with open_run(labels, data, name) as run:
            built.fit(classifier, data, run)
        return classifier, built

    return fit
