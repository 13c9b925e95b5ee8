"""What `/info` shows of the run or artifact that is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from clsfw.errors import __version__
from clsfw.evidence import content
from clsfw.evidence.finished import FinishedRun
from clsfw.serving.limits import BODY_BYTES, CHARACTERS, QUEUE_TEXTS, TEXTS

if TYPE_CHECKING:
    from clsfw.serving.answering import Answering

_EVEN = 0.5  # with several labels per text: more likely than not
_PARITY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def info(answering: Answering) -> dict[str, Any]:
    """Collect it; the first entries are those of text-embeddings-inference.

    Raises:
        RunDirectoryError: a file of the run is not what a run writes.

    """
    classifier = answering.classifier
    run = FinishedRun.completed(classifier.directory)
    names = list(classifier.labels.names)
    limits = run.metrics["intervals"].get(run.split, {})
    verdict = run.verdict
    return {
        "model_id": run.record["name"],
        "model_sha": run.record.get("manifest"),
        "model_type": {
            "classifier": {
                "id2label": {str(i): name for i, name in enumerate(names)},
                "label2id": {name: i for i, name in enumerate(names)},
            }
        },
        "max_client_batch_size": TEXTS,
        "auto_truncate": True,
        "version": __version__,
        "identity": run.record["identity"],
        "labels": names,
        "multi_label": classifier.labels.multi_label,
        "temperature": classifier.decision.temperature,
        "threshold": _EVEN if classifier.labels.multi_label else classifier.decision.threshold,
        "split": run.split,
        "rows": run.metrics["rows"].get(run.split),
        "scores": {name: {"value": value, "interval": limits.get(name)} for name, value in run.scores.items()},
        "verdict": verdict["status"] if verdict else None,
        "artifact": _parity(answering),
        "explains": answering.explains,
        "limits": {
            "body_bytes": BODY_BYTES,
            "texts": TEXTS,
            "characters": CHARACTERS,
            "waiting_texts": QUEUE_TEXTS,
        },
    }


def _parity(answering: Answering) -> dict[str, Any] | None:
    """Return how an artifact was proven; None for a run."""
    path = answering.classifier.directory / "parity.json"
    if not path.exists():
        return None
    found = content.read_json(path, _PARITY)
    return {
        name: found.get(name) for name in ("exporter", "precision", "verdict", "rows", "flips", "largest_difference")
    }
