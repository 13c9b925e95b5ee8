"""Reports of runs that were never trained."""

from __future__ import annotations

import pytest
from support.facts import make_facts

from clsfw.evidence.assess import assess
from clsfw.report.facts import ReportFacts

RECORD = {
    "schema": 1,
    "state": "running",
    "name": "a run",
    "seed": 42,
    "identity": "ab" * 32,
    "data": {
        "splits": {"test": {"rows": 200, "labels": {}, "sha256": "cd" * 32}},
        "provenance": {"source": "https://example.org/x"},
    },
    "model": {"parameters": 66_955_010, "provenance": {"revision": "ef" * 20}},
    "training": {"device": "cpu", "steps": 40},
    "fixed": {
        "recipe": {"data": {"use": "imdb-csv"}, "model": {"use": "hf-distilbert"}, "trainer": {"use": "gpu-trainer"}},
        "environment": {"python": "3.12", "machine": "x86_64", "versions": {"torch": "2.13.0"}},
        "data": {"test": "cd" * 32},
        "plugins": {"gpu-trainer": {"distribution": "clsfw", "version": "0.1.0", "sha256": "12" * 32}},
    },
}
HISTORY = [
    {"step": 10, "loss": 0.7, "learning_rate": 1e-5},
    {"step": 20, "loss": 0.6, "learning_rate": 1e-5},
    {"step": 20, "split": "validation", "loss": 0.65, "f1": 0.7, "accuracy": 0.71},
]


@pytest.fixture
def report_facts():
    """Make the facts of a report; `record` is merged into a plausible run.json, the rest goes to `make_facts`."""

    def make(*, record=None, history=HISTORY, recipe='name = "a run"\n', texts=None, library="transformers", **kwargs):
        metrics = assess(make_facts(**kwargs))
        return ReportFacts(
            {**RECORD, **(record or {})}, metrics, history, {"train_seconds": 1.5}, recipe, texts or {}, library
        )

    return make
