"""What a report is about: the files of a run directory, read into plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clsfw.contract.component import SPLITS
from clsfw.evidence import content
from clsfw.evidence.findings import find
from clsfw.evidence.metrics import METRICS, scores_by_split, square_matrix
from clsfw.evidence.tally import MACRO
from clsfw.store.history import read_history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw.evidence.content import RunRecord
    from clsfw.evidence.findings import Finding
    from clsfw.evidence.metrics import ClassScores, Metrics
    from clsfw.evidence.predictions import PredictionTable
    from clsfw.kit.pairs import Text


@dataclass(frozen=True)
class Words:
    """The words that speak most for each class by its label, and those that decided a mistake by its index."""

    by_class: Mapping[str, Sequence[str]] = field(default_factory=dict)
    by_mistake: Mapping[int, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportFacts:
    """A run, as its directory describes it.

    `record` is the content of run.json, `recipe` the text of the recipe as given; `texts` holds the texts of the worst
    mistakes by their index in the judged split, as far as they are known.
    """

    record: RunRecord
    metrics: Metrics
    history: Sequence[Mapping[str, Any]] = ()
    timings: dict[str, float] = field(default_factory=dict)
    recipe: str = ""
    texts: Mapping[int, Text] = field(default_factory=dict)
    library: str = "clsfw"
    """The library that loads the model's folder: transformers where it has a configuration for it."""
    words: Words = field(default_factory=Words)
    predictions: PredictionTable | None = None
    """The rows of predictions.csv, where curves are drawn from them: with two classes."""

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self.record["name"]

    @property
    def split(self) -> str:
        """The split that the run is judged on: test, or the nearest to it that there is."""
        return next(split for split in reversed(SPLITS) if split in self.metrics["confusion_matrix"])

    @property
    def labels(self) -> list[str]:
        """The names of the classes in the order of their ids."""
        return list(self.metrics["labels"])

    @property
    def scores(self) -> Mapping[str, float]:
        """The scores on the judged split: the recipe's metrics, or where it names none, our own."""
        means = self.metrics["classification_report"][self.split]["macro avg"]
        own = {"precision": means["precision"], "recall": means["recall"], "f1": means["f1"]}
        return scores_by_split(self.metrics).get(self.split) or own

    @property
    def recipe_values(self) -> Mapping[str, Any]:
        """The resolved recipe, with local paths made portable."""
        return self.record["fixed"]["recipe"]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a careful reader would say of the scores, the gravest first."""
        return find(self.metrics, self.history, self.recipe_values)

    @property
    def accuracy(self) -> float | None:
        """The share of the judged texts that are right; None where no metric says so and no matrix of all classes."""
        if "accuracy" in self.scores:
            return self.scores["accuracy"]
        matrix = square_matrix(self.metrics, self.split)
        return None if matrix is None else sum(row[i] for i, row in enumerate(matrix)) / max(1, self.rows)

    def title(self, score: str) -> str:
        """Return what a score is called: macro averages say so."""
        return title(score, self.limits)

    @property
    def rows(self) -> int:
        """How many texts the judged split has."""
        return self.metrics["rows"][self.split]

    @property
    def unit(self) -> str:
        """What a row is called: a text, or a pair of them."""
        return unit(self.metrics)

    @property
    def limits(self) -> Mapping[str, Sequence[float]]:
        """The 95 % intervals of the scores on the judged split."""
        return self.metrics["intervals"][self.split]

    @property
    def classes(self) -> Mapping[str, ClassScores]:
        """The scores of each class on the judged split."""
        return self.metrics["classification_report"][self.split]["classes"]

    def component(self, section: str) -> str:
        """Return the name of the component that the recipe uses in a section."""
        return str(self.recipe_values.get(section, {}).get("use", ""))


def title(score: str, limits: Mapping[str, Sequence[float]]) -> str:
    """Return what a score is called; limits are found by the names of macro averages, so that they say what it is."""
    macro = score in MACRO and score in limits and score != "accuracy"
    return ("macro " if macro else "") + " ".join("F1" if word == "f1" else word for word in score.split("_"))


def unit(metrics: Metrics) -> str:
    """Return what a row is called: a text, or a pair of them."""
    return "pair" if "sides" in metrics["leaks"] else "text"


def read_facts(run_dir: Path, texts: Mapping[int, Text] | None = None, words: Words | None = None) -> ReportFacts:
    """Read a run that is about to be complete, or is; the history and the recipe's text may be missing.

    Raises:
        RunDirectoryError: a file is missing, or not what a run writes.

    """
    return ReportFacts(
        record=content.read_json(run_dir / "run.json", content.RUN),
        metrics=content.read_json(run_dir / "metrics.json", METRICS),
        history=read_history(run_dir / "history.jsonl"),
        timings=content.read_json(run_dir / "timings.json", content.TIMINGS),
        recipe=_text(run_dir / "recipe.toml"),
        texts=texts or {},
        words=words or Words(),
        library="transformers" if (run_dir / "model" / "config.json").is_file() else "clsfw",
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
