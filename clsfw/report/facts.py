"""What a report tells about: the files of a run directory, read into plain values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from clsfw.contract.component import SPLITS
from clsfw.evidence.findings import find
from clsfw.store.history import read_history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw.evidence.content import Metrics
    from clsfw.evidence.findings import Finding


@dataclass(frozen=True)
class ReportFacts:
    """A run, as its directory tells it.

    `record` is the content of run.json, `recipe` the text of the recipe as given; `texts` holds the texts of the worst
    mistakes by their index in the judged split, as far as they are at hand.
    """

    record: Mapping[str, Any]
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    recipe: str = ""
    texts: Mapping[int, str] = field(default_factory=dict)
    library: str = "clsfw"
    """The library that loads the model's folder: transformers where it has a configuration for it."""

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return str(self.record.get("name", "run"))

    @property
    def split(self) -> str:
        """The split that the run is judged on: test, or the nearest to it that there is."""
        judged = self.metrics.get("confusion_matrix", {})
        return next((split for split in reversed(SPLITS) if split in judged), "test")

    @property
    def labels(self) -> list[str]:
        """The names of the classes in the order of their ids."""
        return list(self.metrics["labels"])

    @property
    def scores(self) -> Mapping[str, float]:
        """The scores on the judged split: the recipe's metrics, or where it names none, our own."""
        given: Mapping[str, float] = self.metrics.get(self.split) or {}
        report = self.of_split("classification_report")
        own = {name: value for name, value in report["macro avg"].items() if name != "support"} if report else {}
        return given or own

    @property
    def recipe_values(self) -> Mapping[str, Any]:
        """The resolved recipe, with local paths made portable."""
        values: Mapping[str, Any] = self.record.get("fixed", {}).get("recipe", {})
        return values

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a careful reader would say of the scores, the gravest first."""
        return find(cast("Metrics", self.metrics), self.history, self.recipe_values)

    @property
    def rows(self) -> int:
        """How many texts the judged split has."""
        return int(self.metrics["rows"][self.split])

    def of_split(self, name: str) -> Any:
        """Return one part of the metrics for the judged split; an empty mapping where it is missing."""
        return self.metrics.get(name, {}).get(self.split) or {}

    def component(self, section: str) -> str:
        """Return the name of the component that the recipe uses in a section."""
        return str(self.recipe_values.get(section, {}).get("use", ""))


def read_facts(run_dir: Path, texts: Mapping[int, str] | None = None) -> ReportFacts:
    """Read what is there; history, timings and the recipe's text may be missing."""
    return ReportFacts(
        record=_json(run_dir / "run.json"),
        metrics=_json(run_dir / "metrics.json"),
        history=read_history(run_dir / "history.jsonl"),
        timings=_json(run_dir / "timings.json") if (run_dir / "timings.json").is_file() else {},
        recipe=_text(run_dir / "recipe.toml"),
        texts=texts or {},
        library="transformers" if (run_dir / "model" / "config.json").is_file() else "clsfw",
    )


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
