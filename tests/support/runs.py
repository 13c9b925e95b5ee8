"""Complete runs made without training, for whatever reads run directories."""

from __future__ import annotations

import numpy as np

from clsfw.contract.parts import Labels, Prediction
from clsfw.evidence.predictions import predictions_csv
from clsfw.evidence.tally import macro_scores
from clsfw.store.rundir import RunDirectory


def write_run(
    path,
    gold,
    predicted,
    *,
    names=("negative", "positive"),
    rows=None,
    model=b"weights",
    probability=0.9,
    seconds=1.5,
    multi_label=False,
    complete=True,
    **record,
):
    """Write a complete run whose test rows carry these class ids (or 0/1 rows); give its path."""
    gold, predicted = np.array(gold, np.int64), np.array(predicted, np.int64)
    labels = Labels(tuple(names), multi_label)
    rows = np.arange(len(gold)) if rows is None else np.array(rows)
    probabilities = np.full((len(gold), len(names)), (1 - probability) / max(1, len(names) - 1), np.float32)
    if not multi_label:
        probabilities[np.arange(len(gold)), predicted] = probability
    prediction = Prediction(probabilities, np.full(len(gold), 9), np.zeros(len(gold), bool))
    with RunDirectory.open(path) as store:
        store.update(state="running", **{"name": path.name, **record})
        store.write_text("predictions.csv", predictions_csv(labels, rows, gold, predicted, prediction))
        store.write_json("metrics.json", {"test": macro_scores(gold, predicted, len(names))})
        store.write_json("timings.json", {"train_seconds": seconds, "predict_seconds": seconds / 10})
        with store.staged("model") as folder:
            (folder / "model.safetensors").write_bytes(model)
        if complete:
            store.complete()
    return path
