"""A run, read from its directory: the only reader of what a run left."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.errors import RunDirectoryError
from clsfw.evidence import content
from clsfw.evidence.findings import find
from clsfw.evidence.metrics import METRICS, scores_by_split
from clsfw.evidence.predictions import read_predictions
from clsfw.store.history import read_history
from clsfw.store.rundir import MODEL, RECORD, read_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw.evidence.content import About, ResolvedRecipe, RunRecord, VerdictRecord
    from clsfw.evidence.findings import Finding
    from clsfw.evidence.metrics import Metrics, Mistake
    from clsfw.evidence.predictions import PredictionTable

SEEN = "seen_texts.npy"
"""The file of the hashes of all texts that the model was trained and chosen on."""

_HEAD = 128  # bytes before the first number in a file of numpy's that holds one row of numbers


@dataclass(frozen=True, repr=False)
class FinishedRun:
    """What a complete run left in its directory; `record` is the content of run.json, `metrics` of metrics.json."""

    directory: Path
    record: RunRecord
    metrics: Metrics

    @classmethod
    def read(cls, directory: str | Path) -> Self:
        """Read a complete run.

        Raises:
            RunDirectoryError: the directory holds no complete run, or a file of it was changed, or is not what a run
                writes; so do the properties below.

        """
        path = Path(directory).expanduser()
        read_run(path)
        return cls.completed(path)

    @classmethod
    def completed(cls, path: Path) -> Self:
        """Return a run that this very process completed, whose hashes need no second look; otherwise as `read`."""
        record = content.read_json(path / RECORD, content.RUN)
        return cls(path, record, content.read_json(path / "metrics.json", METRICS))

    def __repr__(self) -> str:
        """Return one line: name, split, scores, verdict, directory."""
        scores = ", ".join(f"{name} {value:.4f}" for name, value in self.scores.items())
        verdict = f", {self.verdict['status']}" if self.verdict is not None else ""
        return f"<{type(self).__name__} {self.record['name']}: {self.split} {scores}{verdict}; {self.directory}>"

    @property
    def split(self) -> str:
        """The split that the run is judged on: test, or the nearest to it that there is."""
        return next(split for split in reversed(SPLITS) if split in self.metrics["confusion_matrix"])

    @property
    def scores(self) -> dict[str, float]:
        """The scores of the recipe's metrics on the judged split, by name."""
        return dict(scores_by_split(self.metrics).get(self.split, {}))

    def mistakes(self) -> list[Mistake]:
        """Return up to fifty wrong rows of the judged split, those that the model was surest of first."""
        return self.metrics["mistakes"][self.split]

    @property
    def state(self) -> str:
        """`complete`."""
        return self.record["state"]

    @property
    def verdict(self) -> VerdictRecord | None:
        """`{"status": "REPRODUCED" | "NOT REPRODUCED" | "NOT COMPARABLE", ...}`, or None."""
        return self.record.get("verdict")

    @cached_property
    def predictions(self) -> PredictionTable:
        """The rows of `predictions.csv`."""
        return read_predictions(self.directory / "predictions.csv")

    @cached_property
    def timings(self) -> dict[str, float]:
        """Seconds by name; clock values differ from run to run and prove nothing."""
        return content.read_json(self.directory / "timings.json", content.TIMINGS)

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The lines of `history.jsonl`: logged steps and evaluations."""
        return read_history(self.directory / "history.jsonl")

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What a careful reader would say of the scores, the gravest first."""
        return find(self.metrics, self.history, self.record["fixed"]["recipe"])


def read_record(run_dir: Path, *, allow_incomplete: bool = False) -> RunRecord:
    """Read `run.json` of a run that is complete and proven, or with `allow_incomplete` of one that began to train.

    Raises:
        RunDirectoryError: there is no such run, or a file of it was changed, or is not what a run writes.

    """
    read_run(run_dir, allow_incomplete=allow_incomplete)
    return content.read_json(run_dir / RECORD, content.RUN)


def seen_file(hashes: NDArray[np.uint64]) -> bytes:
    """Return the content of `seen_texts.npy` for folded hashes of texts, [N]."""
    content = io.BytesIO()
    np.save(content, hashes, allow_pickle=False)
    return content.getvalue()


def read_seen(run_dir: Path) -> NDArray[np.uint64] | None:
    """Return the folded hashes of the texts that a run was trained and chosen on; None if it did not come that far.

    Raises:
        RunDirectoryError: the file is not what a run writes.

    """
    path = run_dir / SEEN
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise RunDirectoryError(f"{path} cannot be read: {exc}") from exc
    # Not by np.load, which parses the head as Python and takes any shape and type from it: only one head can be right.
    numbers = content[_HEAD:]
    hashes = np.frombuffer(numbers[: len(numbers) // 8 * 8], np.uint64)
    if seen_file(hashes) != content:
        raise RunDirectoryError(f"{path} is not a list of 64-bit hashes")
    return hashes


def read_model(run_dir: Path) -> tuple[ResolvedRecipe, About]:
    """Read `resolved.toml` and `model/clsfw.json`: what a run says of its model.

    Raises:
        RunDirectoryError: one of them is missing, damaged, or not what a run writes.

    """
    recipe = content.read_toml(run_dir / "resolved.toml", content.RECIPE)
    return recipe, content.read_json(run_dir / MODEL / "clsfw.json", content.ABOUT)
