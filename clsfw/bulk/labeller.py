"""Labels one piece after the other with a run that was loaded once, each into a part and the proof of it."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.bulk.places import Place
from clsfw.bulk.task import errors_name, identity_of, part_name
from clsfw.errors import DataError, HostError, UsageError
from clsfw.inference.chunks import chunks, predict_chunk
from clsfw.inference.classifier import load_classifier
from clsfw.inference.output import Columns, Predicted, csv_bytes, json_line, jsonl_bytes, names_of
from clsfw.inference.predict_file import Done
from clsfw.inference.reading import text_of
from clsfw.kit import files, manifest
from clsfw.kit.disk import explained
from clsfw.report.display import Quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from clsfw.bulk.piece_rows import PieceRows
    from clsfw.bulk.pieces import Piece
    from clsfw.bulk.task import Task
    from clsfw.contract.parts import Labels
    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.kit.pairs import Text
    from clsfw.kit.rows import Row


@dataclass(frozen=True)
class Proof:
    """What a part holds; `piece` says of which rows of which file, `stamp` is that of the part on object storage.

    `errors` counts the rows that could not be labelled and are not in it.
    """

    part: str
    piece: list[Any]
    rows: int
    bytes: int
    sha256: str
    stamp: str
    labels: dict[str, int]
    errors: int = 0


class Labeller:
    """Labels pieces of a task."""

    def __init__(self, task: Task) -> None:
        asked = task.asked
        self._task = task
        self._classifier = load_classifier(
            asked.run, allow_incomplete=asked.allow_incomplete, allow_code=asked.allow_code
        )
        if identity_of(self._classifier.record) != task.known.identity:
            raise UsageError(f"{asked.run}: the run has changed since the output was begun; give another --output")

    def label(self, piece: Piece, said: Callable[[int], None]) -> Proof:
        """Label a piece: write the part, and then its proof; `said` is called with how many of its rows are done.

        Raises:
            DataError: a row cannot be labelled, or the file has changed.
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.
            PluginError: the trainer's plugin failed.

        """
        task = self._task
        task.inputs[piece.file].check()
        work = _Work(task, self._classifier, task.rows(piece), said)
        part = task.part(piece)
        with part.to_fill() as path:
            work.write(path)
            with explained(path, "read"):
                size, digest = path.stat().st_size, manifest.sha256(path)
            task.inputs[piece.file].check()
        facts = part.facts()
        if facts is None or facts.size != size:
            raise HostError(f"{part}: was removed or changed as soon as it was written; is another command at work?")
        stamp = facts.stamp if part.protocol else ""
        done = work.done
        proof = Proof(
            part_name(piece.number, task.kind),
            piece.to_json(),
            done.rows,
            size,
            digest,
            stamp,
            done.labels,
            len(work.errors),
        )
        if work.errors:
            lines = "".join(f"{line}\n" for _, line in sorted(work.errors))
            Place.of(task.asked.target).child(errors_name(piece.number)).write(lines.encode())
        task.proof(piece).write(json.dumps(asdict(proof)).encode())
        return proof


@dataclass
class _Work:
    """One piece on its way."""

    task: Task
    classifier: LoadedClassifier
    source: PieceRows
    said: Callable[[int], None]
    done: Done = field(default_factory=Done)
    errors: list[tuple[int, str]] = field(default_factory=list)
    """Numbers of rows, and lines of JSON with the file, the row, the reason, and the row's values if it has some."""

    def write(self, path: Path) -> None:
        task, labels = self.task, self.classifier.labels
        columns = Columns.of(labels, task.frame.columns)
        if task.kind == "parquet":
            import pyarrow as pa

            from clsfw.inference.parquet import schema_of, write_chunks

            if task.frame.schema is None:  # no file has any column
                schema = schema_of(columns, None, [])
            else:
                schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(task.frame.schema)))
            write_chunks(path, schema, columns, self._predicted(), self._value_at)
            return
        with explained(path):
            files.create(
                path, csv_bytes(columns, _nothing(labels), header=True, raw=task.asked.raw) if self._is_csv else b""
            )
        for predicted in self._predicted():
            if self._is_csv:
                data = csv_bytes(columns, predicted, header=False, raw=task.asked.raw)
            else:
                data = jsonl_bytes(Columns.of(labels, names_of(predicted.rows)), predicted)
            with explained(path, needed=len(data)):
                files.append(path, data)

    @property
    def _is_csv(self) -> bool:
        return self.task.kind == "csv"

    def _value_at(self, number: int) -> str:
        return f"{self.source.place(number)}: a value from this row on"

    def _predicted(self) -> Iterator[Predicted]:
        reporter = Quiet()
        for chunk in chunks(self.source.rows(self._skip if self.task.asked.skip else None)):
            rows, texts = self._with_texts(chunk)
            if self.task.kind != "jsonl":
                self._check_columns(rows)
            if rows:
                predicted = predict_chunk(self.classifier, rows, texts, reporter)
                yield predicted
                self.done.add(self.classifier.labels, predicted)
                self.said(self.done.rows)

    def _with_texts(self, chunk: Sequence[Row]) -> tuple[list[Row], list[Text]]:
        """Return the rows that have a text, and their texts."""
        asked, own = self.task.asked, self.task.known.rows
        pair = asked.reading.text_pair_column or own.text_pair_column
        columns = replace(own, text_columns=self.task.frame.texts or own.text_columns)
        rows, texts = [], []
        for row in chunk:
            try:
                texts.append(text_of(row, columns, pair))
                rows.append(row)
            except ValueError as exc:
                words = str(exc).partition(": ")[2]
                if not asked.skip:
                    raise DataError(f"{self.source.place(row.number)}: {words}") from exc
                self._skip("text", self.source.number(row.number), words, row.values)
        return rows, texts

    def _skip(self, _: str, number: int, words: str, values: Mapping[str, Any] | None = None) -> None:
        """Keep what is known of a row that cannot be labelled."""
        error = {"file": self.source.name, "row": number, "reason": words}
        self.errors.append((number, json_line(error if values is None else {**error, "values": values})))

    def _check_columns(self, rows: Sequence[Row]) -> None:
        known = set(self.task.frame.columns)
        for row in rows:
            other = next((name for name in row.values if name not in known), None)
            if other is not None:
                raise DataError(
                    f"{self.source.place(row.number)}: has {other!r}, which no first row has, and the columns of "
                    "the parts are fixed by then; write --format jsonl, or give every row the same columns"
                )


def _nothing(labels: Labels) -> Predicted:
    return Predicted([], np.empty((0, len(labels.names)), np.float32), np.empty(0, np.int64))
