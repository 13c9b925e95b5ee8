"""Writes the rows of the splits as Arrow, with one set of classes for all of them."""

from __future__ import annotations

import difflib
import hashlib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from datasets import ClassLabel, Dataset, Features, LargeList, List, Value

from clsfw import DataError
from clsfw.kit import explained, rename, sync, temporary
from clsfw_hf_datasets.reading import Layout, Reading
from clsfw_hf_datasets.values import Vocabulary, class_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from clsfw import Reporter
    from clsfw_hf_datasets import HfDatasetSettings

_PLAIN = ("string", "large_string", "bool", "int", "uint", "float")
_SAMPLE = 100


def write_tables(
    parts: Mapping[str, Any], settings: HfDatasetSettings, name: str, folder: Path, reporter: Reporter
) -> dict[str, Path]:
    """Check and write every split into `folder`, each file named by its SHA-256.

    Raises:
        DataError: a column is missing, or a row has no usable text or label.
        HostError: the cache cannot be written.

    """
    features = {split: _features(part) for split, part in parts.items()}
    for split, known in features.items():
        _check_columns(known, settings, f"{name}: split {split!r}")
    labels = [known[settings.label_column] for known in features.values()]
    own = {class_names(feature) for feature in labels}
    several = {isinstance(feature, (List, LargeList)) for feature in labels}
    if len(own) != 1 or len(several) != 1:
        raise DataError(f"{name}: the splits have different classes in column {settings.label_column!r}")
    vocabulary = Vocabulary(settings.labels, own.pop())
    others = _other_columns(list(features.values()), settings)
    layout = Layout(several=several.pop(), others=others, texts=tuple(settings.text_columns))
    drafts: dict[str, Path] = {}
    try:
        for split, part in parts.items():
            drafts[split] = temporary(folder / split)
            reading = Reading(f"{name}: split {split!r}", settings, vocabulary, layout)
            _write(drafts[split], layout.features(Value("int64")), reading.batches(part, features[split], reporter))
        names, final = vocabulary.final()
        if len(vocabulary.met) < 2:  # noqa: PLR2004  # a classifier tells at least two things apart
            told = f"every row has the label {next(iter(vocabulary.met))!r}" if vocabulary.met else "no row has a label"
            raise DataError(f"{name}: {told}; a classifier needs two classes")
        features_at_last = layout.features(ClassLabel(names=names))
        return {split: _finish(draft, features_at_last, final, folder) for split, draft in drafts.items()}
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)


def _features(part: Any) -> Features:
    """Return the columns; CSV and JSON of the hub know theirs only once some rows are read."""
    if part.features is not None:
        return part.features
    return Dataset.from_list(list(part.take(_SAMPLE))).features


def _check_columns(known: Features, settings: HfDatasetSettings, where: str) -> None:
    texts = [(f"{name}_column", column) for name, column in settings.text_columns.items()]
    for key, column in (*texts, ("label_column", settings.label_column)):
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1)
            hint = f"; did you mean {key} = {near[0]!r}?" if near else ""
            raise DataError(f"{where}: no column {column!r}{hint}; the columns are {', '.join(map(repr, known))}")


def _other_columns(features: Sequence[Features], settings: HfDatasetSettings) -> tuple[str, ...]:
    """Choose the columns that hold plain values in every split."""
    taken = {"text", "text_pair", "label", "row", *settings.text_columns.values(), settings.label_column}
    return tuple(
        column
        for column in features[0]
        if column not in taken
        and all(
            isinstance(known.get(column), ClassLabel)
            or (isinstance(known.get(column), Value) and known[column].dtype.startswith(_PLAIN))
            for known in features
        )
    )


def _write(path: Path, features: Features, batches: Iterator[dict[str, list[Any]]]) -> None:
    with ExitStack() as stack:
        with explained(path):
            file = stack.enter_context(pa.OSFile(str(path), "wb"))
            sink = stack.enter_context(pa.ipc.new_stream(file, features.arrow_schema))
        for columns in batches:  # what goes wrong here is the fault of the data, not of the cache
            with explained(path):
                sink.write_batch(pa.RecordBatch.from_pydict(columns, schema=features.arrow_schema))


def _finish(draft: Path, features: Features, final: Sequence[int], folder: Path) -> Path:
    """Put the final class ids in, and name the file by its content."""
    ids = pa.array(final, pa.int64())
    path = temporary(draft)
    schema = features.arrow_schema
    at = schema.get_field_index("label")
    with explained(path):
        try:
            with (
                pa.memory_map(str(draft)) as given,
                pa.OSFile(str(path), "wb") as file,
                pa.ipc.new_stream(file, schema) as sink,
            ):
                for batch in pa.ipc.open_stream(given):
                    label = batch.column(at)
                    columns = batch.columns
                    if isinstance(label, pa.ListArray):
                        rows = [sorted(final[i] for i in row) for row in label.to_pylist()]
                        columns[at] = pa.array(rows, schema.field(at).type)
                    else:
                        columns[at] = ids.take(label)
                    sink.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            with path.open("rb") as file:
                whole = folder / f"{hashlib.file_digest(file, 'sha256').hexdigest()}.arrow"
            sync(path)
            rename(path, whole)
        finally:
            path.unlink(missing_ok=True)
    return whole
