"""Facts to weigh, made by a seeded generator: every test sees the same ones."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from datasets import ClassLabel, Dataset, Features, List, Value

from clsfw.contract.parts import Labels, Prediction
from clsfw.evidence.assess import Facts


def make_options(*, temperature_scaling=False, tune_threshold=False, slices=()):
    """Give what an [evidence] table means."""
    return SimpleNamespace(temperature_scaling=temperature_scaling, tune_threshold=tune_threshold, slices=slices)


def make_dataset(texts, ids, names, *, first_row=0, **columns):
    """Make a dataset out of texts and label ids, or lists of them."""
    multi = bool(ids) and isinstance(ids[0], list)
    label = ClassLabel(names=list(names))
    features = {"text": Value("string"), "label": List(label) if multi else label, "row": Value("int64")}
    values = {"text": texts, "label": ids, "row": list(range(first_row, first_row + len(texts)))}
    extra = Dataset.from_dict(columns).features if columns else {}
    return Dataset.from_dict({**values, **columns}, features=Features({**features, **extra}))


def make_outcome(rows, classes, accuracy=0.8, seed=0):
    """Draw true ids [N] and probabilities [N, C] that are right about `accuracy` of the time."""
    rng = np.random.default_rng(seed)
    true = rng.integers(classes, size=rows)
    logits = rng.normal(size=(rows, classes))
    aim = np.where(rng.random(rows) < accuracy, true, rng.integers(classes, size=rows))
    logits[np.arange(rows), aim] += 3
    powers = np.exp(logits)
    return true, (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def make_prediction(probabilities, seed=0):
    """Wrap probabilities with token counts; texts over 100 tokens are truncated."""
    tokens = np.random.default_rng(seed).integers(3, 130, size=len(probabilities))
    return Prediction(probabilities, tokens, tokens > 100)


def make_facts(sizes=None, names=("negative", "positive"), *, multi_label=False, predicted=("test",), **kwargs):
    """Make the facts of a run with splits of the given sizes; `kwargs` go to `Facts`."""
    sizes = {"train": 60, "validation": 40, "test": 200} if sizes is None else sizes
    data, predictions = {}, {}
    for seed, (split, rows) in enumerate(sizes.items()):
        if multi_label:
            rng = np.random.default_rng(seed)
            true = rng.random((rows, len(names))) < 0.3
            probabilities = np.clip(true * 0.5 + rng.random((rows, len(names))) * 0.6, 0, 1).astype(np.float32)
            ids = [np.flatnonzero(row).tolist() for row in true]
        else:
            true, probabilities = make_outcome(rows, len(names), seed=seed)
            ids = true.tolist()
        texts = [f"{split} text {i}" for i in range(rows)]
        data[split] = make_dataset(texts, ids, names, first_row=1000 * seed)
        if split in predicted:
            predictions[split] = make_prediction(probabilities)
    defaults = {"scores": {}, "seed": 42, "options": make_options()}
    return Facts(labels=Labels(tuple(names), multi_label), data=data, predictions=predictions, **defaults | kwargs)
