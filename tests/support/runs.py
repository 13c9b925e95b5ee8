"""Complete runs made without training, for whatever reads run directories."""

from __future__ import annotations

import numpy as np

from clsfw.contract.parts import Labels, Prediction
from clsfw.evidence.leakage import hash_texts
from clsfw.evidence.predictions import predictions_csv
from clsfw.evidence.tally import macro_scores
from clsfw.store.rundir import RunDirectory

RECORD = {"identity": "ab" * 32, "seed": 42}
FIXED = {"recipe": {}, "environment": {}, "plugins": {}, "data": {}}


def plain_metrics(scores, rows, names, multi_label):
    """Lay out a metrics.json that holds scores on a test split, and no evidence about them."""
    mean = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": rows}
    tokens = {"min": 9, "median": 9.0, "mean": 9.0, "p95": 9.0, "max": 9}
    histogram = {"edges": [9, 10], "counts": [rows]}
    return {
        "test": scores,
        "labels": list(names),
        "multi_label": multi_label,
        "rows": {"test": rows},
        "intervals": {"test": {}},
        "classification_report": {"test": {"classes": {}, "macro avg": mean, "weighted avg": mean}},
        "confusion_matrix": {"test": np.zeros((len(names), len(names)), int).tolist()},
        "missing_classes": {"test": []},
        "leaks": {"two_labels": {"exact": 0, "folded": 0}},
        "truncation": {"test": {"rows": rows, "truncated": 0, "share": 0.0, "tokens": tokens, "histogram": histogram}},
        "slices": {"test": {}},
        "decision": {"temperature": None, "threshold": None},
        "calibration": {"test": {"ece": 0.0, "log_loss": 0.0, "brier": 0.0, "bins": []}},
        "mistakes": {"test": []},
    }


def write_run(
    path,
    gold,
    predicted,
    *,
    names=("negative", "positive"),
    rows=None,
    texts=None,
    model=b"weights",
    probability=0.9,
    seconds=1.5,
    multi_label=False,
    complete=True,
    truncated=None,
    fixed=None,
    metrics=None,
    **record,
):
    """Write a complete run whose test rows carry these class ids (or 0/1 rows); give its path."""
    gold, predicted = np.array(gold, np.int64), np.array(predicted, np.int64)
    labels = Labels(tuple(names), multi_label)
    rows = np.arange(len(gold)) if rows is None else np.array(rows)
    texts = [f"text {row}" for row in rows] if texts is None else texts
    probabilities = np.full((len(gold), len(names)), (1 - probability) / max(1, len(names) - 1), np.float32)
    if not multi_label:
        probabilities[np.arange(len(gold)), predicted] = probability
    truncated = np.zeros(len(gold), bool) if truncated is None else np.array(truncated)
    prediction = Prediction(probabilities, np.full(len(gold), 9), truncated)
    with RunDirectory.open(path) as store:
        store.update(state="running", **{**RECORD, "name": path.name, **record, "fixed": {**FIXED, **(fixed or {})}})
        store.write_pieces(
            "predictions.csv",
            predictions_csv(labels, rows, hash_texts(texts).exact, gold, predictions=predicted, prediction=prediction),
        )
        scores = macro_scores(gold, predicted, len(names))
        store.write_json("metrics.json", {**plain_metrics(scores, len(gold), names, multi_label), **(metrics or {})})
        store.write_json("timings.json", {"train_seconds": seconds, "predict_seconds": seconds / 10})
        with store.staged("model") as folder:
            (folder / "model.safetensors").write_bytes(model)
        if complete:
            store.complete()
    return path
