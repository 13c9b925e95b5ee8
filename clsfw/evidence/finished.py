"""A complete run, read from its directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.store.history import read_history
from clsfw.store.rundir import read_run

if TYPE_CHECKING:
    from clsfw.evidence.predictions import PredictionTable


@dataclass(frozen=True)
class FinishedRun:
    """What a complete run left: `metrics["test"]["accuracy"]`, `predictions`, `verdict` (None without `[expect]`)."""

    directory: Path
    record: dict[str, Any]
    metrics: dict[str, Any]

    @classmethod
    def read(cls, directory: str | Path) -> FinishedRun:
        """Read a complete run.

        Raises:
            RunDirectoryError: the directory holds no complete run, or a file of it was changed.

        """
        path = Path(directory).expanduser()
        record = read_run(path)
        return cls(path, record, json.loads((path / "metrics.json").read_text(encoding="utf-8")))

    @property
    def state(self) -> str:
        """`complete`."""
        return str(self.record["state"])

    @property
    def verdict(self) -> dict[str, Any] | None:
        """`{"status": "REPRODUCED" | "NOT REPRODUCED" | "NOT COMPARABLE", ...}`, or None."""
        verdict: dict[str, Any] | None = self.record.get("verdict")
        return verdict

    @cached_property
    def predictions(self) -> PredictionTable:
        """The rows of `predictions.csv`."""
        from clsfw.evidence.predictions import read_predictions

        return read_predictions(self.directory / "predictions.csv")

    @cached_property
    def timings(self) -> dict[str, float]:
        """Seconds by name; clock values differ from run to run and prove nothing."""
        timings: dict[str, float] = json.loads((self.directory / "timings.json").read_text(encoding="utf-8"))
        return timings

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The lines of `history.jsonl`: logged steps and evaluations."""
        return read_history(self.directory / "history.jsonl")
