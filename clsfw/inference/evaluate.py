"""Scores a loaded classifier on new labelled data, with the same evidence as at the end of a run."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterator, MutableSequence, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clsfw.contract.parts import Outcome, Prediction
from clsfw.discovery.parts import BuiltMetric
from clsfw.errors import DataError
from clsfw.evidence.assess import Facts, assess
from clsfw.evidence.findings import leaked
from clsfw.evidence.finished import read_seen
from clsfw.evidence.leakage import TextHashes, hash_texts
from clsfw.evidence.outcomes import score
from clsfw.evidence.predictions import predictions_csv
from clsfw.inference.chunks import chunks
from clsfw.inference.output import names_of
from clsfw.inference.reading import LabelReader, Reading, RowFile
from clsfw.kit.labels import numbers, references
from clsfw.kit.pairs import PAIR, Text
from clsfw.kit.text import encodable
from clsfw.recipe.schema import EvidenceSettings
from clsfw.report.display import Part

if TYPE_CHECKING:
    from pathlib import Path

    from datasets import Dataset

    from clsfw.contract.parts import Reporter
    from clsfw.evidence.metrics import Leaks, Metrics
    from clsfw.inference.classifier import LoadedClassifier

SPLIT = "test"
"""The name of the scores, as in a run's metrics.json."""

Predict = Callable[[Iterator[Sequence[Text]]], Generator[Prediction]]
"""Predicts chunks of texts, as `LoadedClassifier.raw_prediction` does, in their order."""


@dataclass(frozen=True)
class Evaluation:
    """The content of a metrics.json, and of a predictions.csv in pieces, which are made as they are taken, once."""

    metrics: Metrics
    predictions: Iterator[bytes]


@dataclass
class Columns:
    """Labelled rows, in the shape of a `datasets.Dataset` as far as the evidence looks at one.

    Of each text nothing but its hashes stays in memory, so a column of texts is among the names alone.
    """

    labels: MutableSequence[Any]
    pairs: bool
    slices: dict[str, list[Any]] = field(default_factory=dict)
    hashes: list[TextHashes] = field(default_factory=list)

    @property
    def column_names(self) -> list[str]:
        """Name the columns."""
        return ["row", "text", "label", *([PAIR] if self.pairs else []), *self.slices]

    def __getitem__(self, name: str) -> Sequence[Any]:
        """Return a column."""
        if name == "row":
            return range(len(self))
        return self.labels if name == "label" else self.slices[name]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.labels)

    def take_hashes(self) -> TextHashes:
        """Return the hashes of all texts, which are not kept here any longer."""
        whole = TextHashes(*map(np.concatenate, zip(*self.hashes, strict=True)))
        self.hashes.clear()
        return whole


def evaluate_file(
    classifier: LoadedClassifier, path: Path, reading: Reading | None = None, *, reporter: Reporter
) -> Evaluation:
    """Score the rows of a file, read as the run's own data was, except for what `reading` says."""
    return evaluate_files(classifier, [RowFile.of(classifier, path, reading or Reading())], reporter=reporter)


def evaluate_files(
    classifier: LoadedClassifier, files: Sequence[RowFile], *, reporter: Reporter, predict: Predict | None = None
) -> Evaluation:
    """Score the rows of all files together, one file after the other; None: this process predicts their texts.

    Raises:
        DataError: a file cannot be read, a row lacks text or label, or carries a label that the model does not know.
        PluginError: the plugin of a metric of the run is missing or broken.
        UsageError: a metric would run code that the run names, and the classifier was not loaded to allow that.
        ClsfwError: whatever else `predict` raises.

    """
    labels = classifier.labels
    metrics = [classifier.parts.build(BuiltMetric, table) for table in classifier.recipe["metrics"]]

    def predict_here(chunks: Iterator[Sequence[Text]]) -> Generator[Prediction]:
        for texts in chunks:
            yield classifier.raw_prediction(texts, Part(reporter))

    data, prediction = _read_and_predict(files, classifier, reporter, predict or predict_here)
    as_dataset = cast("Dataset", data)
    final = classifier.decision.scale(prediction.probabilities, labels)
    truth, said = references(as_dataset, labels), classifier.decide(final)
    outcome = Outcome(truth, said, final, labels)
    scores = score(metrics, outcome)
    texts = data.take_hashes()
    facts = Facts(
        labels=labels,
        data={SPLIT: as_dataset},
        predictions={SPLIT: prediction},
        scores={SPLIT: scores},
        seed=int(classifier.record["seed"]),
        options=EvidenceSettings(slices=tuple(data.slices)),
        decision=classifier.decision,
        texts={SPLIT: texts},
        seen=read_seen(classifier.directory),
        outcomes={SPLIT: outcome},
    )
    shown = replace(prediction, probabilities=final)
    rows = numbers(data, "row")
    evidence = assess(facts)
    _tell_leaks(evidence["leaks"], reporter)
    return Evaluation(evidence, predictions_csv(labels, rows, texts.exact, truth, predictions=said, prediction=shown))


def _tell_leaks(found: Leaks, reporter: Reporter) -> None:
    test = found.get("test_without_leaks")
    if test is not None and test["leaked_rows"]:
        rows = test["leaked_rows"]
        told = leaked(rows, rows + test["rows"], "given", "what the model was trained and chosen on")
        if test["scores"] is not None:
            told += f"; accuracy on the others is {test['scores']['accuracy']:.4f}"
        reporter.warn(told)


def _read_and_predict(
    files: Sequence[RowFile], classifier: LoadedClassifier, reporter: Reporter, predict: Predict
) -> tuple[Columns, Prediction]:
    data = Columns([] if classifier.labels.multi_label else array("i"), files[0].pair_column is not None)
    parts: list[Prediction] = []
    done = 0
    texts = (chunk for file in files for chunk in _read_one(file, data, classifier, reporter))
    with closing(predict(texts)) as predicted:
        for part in predicted:
            parts.append(part)
            done += len(part.probabilities)
            reporter.progress("predicting", done, None, "texts")
    name = files[0].shown + (f" and {len(files) - 1:,} more" if len(files) > 1 else "")
    if not parts:
        raise DataError(f"{name}: there are no rows to evaluate")
    return data, Prediction(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([part.truncated for part in parts]),
        None if any(part.lost is None for part in parts) else np.concatenate([part.lost for part in parts]),
    )


def _read_one(file: RowFile, data: Columns, classifier: LoadedClassifier, reporter: Reporter) -> Iterator[list[Text]]:
    """Add the rows of a file to the data, and return their texts."""
    name, dropped = file.shown, 0
    texts: tuple[str, ...] = ()
    label = ""
    labels = LabelReader(file)
    for chunk in chunks(file.rows()):
        if not texts:
            columns = names_of(chunk)
            texts, label = file.text_columns(columns), file.label_column(columns)
            reporter.note(file.about(columns, labelled=True))
            if not len(data):
                _add_slices(classifier, data, columns, name, reporter)
        rows = file.with_text(chunk, texts)
        dropped += len(chunk) - len(rows)
        if not rows:
            continue
        here = [_encodable(text) for text in file.texts(rows, texts)]
        data.labels.extend(labels.read(rows, label))
        data.hashes.append(hash_texts(here))
        for column, values in data.slices.items():
            values.extend(row.at(column) for row in rows)
        yield here
    if dropped:
        reporter.note(f"{name}: dropped {dropped:,} rows with a blank text, as the run did with its own data")


def _encodable(text: Text) -> Text:
    return encodable(text) if isinstance(text, str) else (encodable(text[0]), encodable(text[1]))


def _add_slices(
    classifier: LoadedClassifier, data: Columns, columns: Sequence[str], name: str, reporter: Reporter
) -> None:
    """Add the columns that the recipe's evidence is sliced by, as far as the file has them."""
    for column in classifier.recipe.get("evidence", {}).get("slices", []):
        if column in columns:
            data.slices[column] = []
        else:
            reporter.warn(f"{name} has no column {column!r}, so there are no scores by it")
