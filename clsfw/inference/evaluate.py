"""Scores a loaded classifier on new labelled data, with the same evidence as at the end of a run."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clsfw.contract.parts import Labels, Outcome, Prediction
from clsfw.discovery.parts import BuiltMetric
from clsfw.engine.display import Part
from clsfw.errors import DataError
from clsfw.evidence.assess import Facts, assess
from clsfw.evidence.outcomes import score
from clsfw.evidence.predictions import predictions_csv
from clsfw.inference.chunks import chunks, find_column, texts_of
from clsfw.inference.classifier import RecordedParts
from clsfw.inference.output import names_of
from clsfw.kit.labels import numbers, references
from clsfw.kit.rows import TEXT, Row, read_rows
from clsfw.kit.text import encodable
from clsfw.recipe.schema import EvidenceSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from datasets import Dataset

    from clsfw.contract.parts import Reporter
    from clsfw.inference.classifier import LoadedClassifier

SPLIT = "test"
"""The name under which the scores stand, as in a run's metrics.json."""

_JOINED = "|"
_OWN = ("row", "text", "label")


@dataclass(frozen=True)
class Evaluation:
    """The content of a metrics.json and of a predictions.csv."""

    metrics: dict[str, Any]
    predictions: str


@dataclass
class Columns:
    """Labelled rows in memory, in the shape of a `datasets.Dataset` as far as the evidence looks at one."""

    values: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def column_names(self) -> list[str]:
        """Name the columns."""
        return list(self.values)

    def __getitem__(self, name: str) -> list[Any]:
        """Return a column."""
        return self.values[name]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.values["row"])


def evaluate_file(
    classifier: LoadedClassifier,
    path: Path,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    reporter: Reporter,
) -> Evaluation:
    """Score the rows of a file.

    Raises:
        DataError: the file cannot be read, a row lacks text or label, or carries a label that the model does not know.
        PluginError: the plugin of a metric of the run is missing or broken.

    """
    labels = classifier.labels
    recorded = RecordedParts(classifier.record, classifier.plugins)
    metrics = [recorded.build(BuiltMetric, table) for table in classifier.recipe["metrics"]]
    data, prediction = _read_and_predict(classifier, path, text_column, label_column, reporter)
    as_dataset = cast("Dataset", data)
    final = classifier.decision.scale(prediction.probabilities, labels)
    truth, said = references(as_dataset, labels), classifier.decide(final)
    scores = score(metrics, Outcome(truth, said, final, labels))
    facts = Facts(
        labels=labels,
        data={SPLIT: as_dataset},
        predictions={SPLIT: prediction},
        scores={SPLIT: scores},
        seed=int(classifier.record["seed"]),
        options=EvidenceSettings(slices=tuple(name for name in data.column_names if name not in _OWN)),
        decision=classifier.decision,
    )
    shown = Prediction(final, prediction.tokens, prediction.truncated)
    rows = numbers(data, "row")
    return Evaluation(
        assess(facts), predictions_csv(labels, rows, data["text"], truth, predictions=said, prediction=shown)
    )


def _read_and_predict(
    classifier: LoadedClassifier, path: Path, text_column: str | None, label_column: str | None, reporter: Reporter
) -> tuple[Columns, Prediction]:
    about, name = classifier.recipe["data"], str(path)
    data = Columns({column: [] for column in _OWN})
    parts: list[Prediction] = []
    texts = label = None
    for rows in chunks(read_rows(path)):
        if texts is None or label is None:
            texts = find_column(TEXT, text_column, about, rows, name)
            label = find_column("label", label_column, about, rows, name)
            _add_slices(classifier, data, rows, name, reporter)
        here = [encodable(text) for text in texts_of(rows, texts, name)]
        data["label"].extend(_LabelReader(classifier.labels, about, name).read(rows, label))
        data["text"].extend(here)
        for column in data.column_names[len(_OWN) :]:
            data[column].extend(row.values.get(column) for row in rows)
        data["row"].extend(range(len(data), len(data) + len(rows)))
        parts.append(classifier.raw_prediction(here, Part(reporter)))
        reporter.progress("predicting", len(data), None, "texts")
    if not parts:
        raise DataError(f"{name}: there are no rows to evaluate")
    return data, Prediction(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.truncated for part in parts]),
    )


def _add_slices(
    classifier: LoadedClassifier, data: Columns, rows: Sequence[Row], name: str, reporter: Reporter
) -> None:
    """Add the columns that the recipe's evidence is sliced by, as far as the file has them."""
    columns = names_of(rows)
    for column in classifier.recipe.get("evidence", {}).get("slices", []):
        if column in columns:
            data.values[column] = []
        else:
            reporter.warn(f"{name} has no column {column!r}, so there are no scores by it")


class _LabelReader:
    """Turns the values of a label column into class ids.

    A value is what the recipe's own data says for a label, or the label's name, or as a number the class id.
    """

    def __init__(self, labels: Labels, about: Mapping[str, Any], name: str) -> None:
        self._labels = labels
        self._name = name
        self._separator = about.get("label_separator") or _JOINED
        self._ids = {label: i for i, label in enumerate(labels.names)}
        given = about.get("labels")
        if isinstance(given, Mapping):
            self._ids |= {str(value): self._ids[shown] for value, shown in given.items() if shown in self._ids}

    def read(self, rows: Sequence[Row], column: str) -> list[int] | list[list[int]]:
        """Return a class id for each row, or with several labels per text a list of them.

        Raises:
            DataError: a row has no label, or one that the model does not know.

        """
        if not self._labels.multi_label:
            return [self._id(row, row.values.get(column)) for row in rows]
        return [sorted({self._id(row, value) for value in self._several(row, row.values.get(column))}) for row in rows]

    def _several(self, row: Row, value: Any) -> list[Any]:
        if value is None or isinstance(value, str):
            return value.split(self._separator) if value else []
        if not isinstance(value, list):
            raise DataError(f"{self._name}:{row.number}: the labels of a text must be a list, or joined by {_JOINED!r}")
        return value

    def _id(self, row: Row, value: Any) -> int:
        place = f"{self._name}:{row.number}"
        if value is None or value == "":
            raise DataError(f"{place}: no label")
        if isinstance(value, int) and not isinstance(value, bool) and str(value) not in self._ids:
            if 0 <= value < len(self._labels.names):
                return value
            raise DataError(f"{place}: class id {value} is not from 0 to {len(self._labels.names) - 1}")
        found = self._ids.get(str(value))
        if found is None:
            near = difflib.get_close_matches(str(value), list(self._ids), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it knows {', '.join(map(repr, self._ids))}"
            raise DataError(f"{place}: the model does not know the label {value!r}{hint}")
        return found
