"""Labels a whole file into another, so that a cut output is continued and never taken for a whole one.

The output grows as `<name>.partial`; after each chunk, `<name>.partial.json` says how many rows and bytes of it count.
Only the whole file gets its name. A Parquet file cannot be resumed: an interrupted one starts over.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import DataError, HostError, UsageError
from clsfw.inference.chunks import chunks, predict_chunk
from clsfw.inference.output import Columns, Predicted, csv_bytes, jsonl_bytes, names_of, txt_bytes
from clsfw.inference.reading import Reading, RowFile
from clsfw.kit import atomic, files
from clsfw.kit.disk import explained
from clsfw.kit.lock import locked
from clsfw.kit.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clsfw.contract.parts import Labels, Reporter
    from clsfw.inference.classifier import LoadedClassifier


@dataclass(frozen=True)
class Job:
    """A file to label, how it is read, and whether CSV cells are left `raw` as they are."""

    source: Path
    target: Path
    reading: Reading = field(default_factory=Reading)
    raw: bool = False

    @property
    def partial(self) -> Path:
        """Where the output grows."""
        return self.target.with_name(f"{self.target.name}.partial")

    @property
    def lock(self) -> Path:
        """What one process at a time holds."""
        return self.target.with_name(f"{self.target.name}.lock")

    @property
    def journal(self) -> Path:
        """What says how much of it counts."""
        return self.target.with_name(f"{self.target.name}.partial.json")


@dataclass
class Done:
    """How much of the output counts.

    `columns` are the input's, in their order; `texts` those that hold texts; `labels` counts what was predicted.
    """

    rows: int = 0
    bytes: int = 0
    columns: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, labels: Labels, predicted: Predicted) -> None:
        """Count a chunk that is written."""
        said = predicted.decisions
        counts = said.sum(axis=0) if labels.multi_label else np.bincount(said, minlength=len(labels.names))
        self.labels = {name: self.labels.get(name, 0) + int(n) for name, n in zip(labels.names, counts, strict=True)}
        self.rows += len(predicted.rows)


def predict_file(classifier: LoadedClassifier, job: Job, reporter: Reporter) -> Done:
    """Label a file, or go on where the same call was cut.

    Raises:
        UsageError: the output cannot be of that kind, or is the beginning of another one.
        LockedError: another process writes the same output.
        DataError: the input cannot be read; rows before the fault stay in the partial output.
        HostError: the operating system refused.

    """
    kind = job.target.suffix.lower()
    if kind not in FORMATS:
        raise UsageError(f"{job.target}: the name of the output must end in {', '.join(FORMATS)}")
    with explained(job.target):
        if job.target.is_dir():
            raise UsageError(f"{job.target} is a directory; give the output the name of a file")
        if job.target.exists() and job.source.exists() and job.source.samefile(job.target):
            raise UsageError(f"{job.target} is the input itself; give the output another name")
        job.journal.exists()  # refuses the longest of the names that are made of it, if the system does
    with locked(job.target, job.lock, instead="give another --output"):
        try:
            done = (_write_parquet if kind == ".parquet" else _write_text)(classifier, job, reporter)
            with explained(job.target):
                files.sync(job.partial)
                files.rename(job.partial, job.target)
                files.sync(job.target.parent)
        finally:
            if not job.partial.exists():  # it has its name, or was never begun
                job.journal.unlink(missing_ok=True)
            job.lock.unlink(missing_ok=True)  # while it is held, so that nobody else's is removed
    return done


def _predicted(classifier: LoadedClassifier, job: Job, done: Done, reporter: Reporter) -> Iterator[Predicted]:
    """Predict the rows after those that are done; the first chunk of all settles the columns."""
    file = RowFile.of(classifier, job.source, job.reading)
    for chunk in chunks(islice(file.rows(), done.rows, None)):
        if not done.texts:
            done.columns = names_of(chunk)
            done.texts = list(file.text_columns(done.columns))
            reporter.note(file.about(done.columns))
        yield predict_chunk(classifier, chunk, file.texts(chunk, done.texts), reporter)


def _write_parquet(classifier: LoadedClassifier, job: Job, reporter: Reporter) -> Done:
    from clsfw.inference.parquet import write_parquet

    done = Done()

    def counted() -> Iterator[Predicted]:
        for predicted in _predicted(classifier, job, done, reporter):
            yield predicted
            done.add(classifier.labels, predicted)
            reporter.progress("predicting", done.rows, None, "texts")

    write_parquet(job.partial, job.source, classifier.labels, counted())
    return done


def _write_text(classifier: LoadedClassifier, job: Job, reporter: Reporter) -> Done:
    labels = classifier.labels
    identity = _identity(classifier, job)
    done = _resume(job, identity, reporter)
    _write_journal(job, identity, done)  # before the output exists: one without a journal is not ours
    try:
        for predicted in _predicted(classifier, job, done, reporter):
            data = _encode(job, labels, done, predicted)
            with explained(job.partial, needed=len(data)):
                files.append(job.partial, data)
                files.sync(job.partial)
                size = job.partial.stat().st_size
            done.add(labels, predicted)
            done.bytes += len(data)
            if size != done.bytes:
                raise HostError(f"{job.partial} is written by another process too; end one, remove it, and start again")
            _write_journal(job, identity, done)
            reporter.progress("predicting", done.rows, None, "texts")
    except KeyboardInterrupt:
        reporter.note(f"{done.rows:,} rows are in {job.partial}; the same command goes on after them")
        raise
    if not done.rows:
        nothing = Predicted([], np.empty((0, len(labels.names)), np.float32), np.empty(0, np.int64))
        with explained(job.partial):
            files.overwrite(job.partial, _encode(job, labels, done, nothing))
    return done


def _encode(job: Job, labels: Labels, done: Done, predicted: Predicted) -> bytes:
    kind = job.target.suffix.lower()
    if kind == ".csv":
        columns = Columns.of(labels, done.columns)
        return csv_bytes(columns, predicted, header=done.bytes == 0, raw=job.raw)
    columns = Columns.of(labels, names_of(predicted.rows))
    return jsonl_bytes(columns, predicted) if kind == ".jsonl" else txt_bytes(columns, predicted)


def _identity(classifier: LoadedClassifier, job: Job) -> dict[str, Any]:
    """Collect all that the bytes of the output depend on."""
    if not job.source.is_file():
        raise DataError(f"{job.source}: {'is not a plain file' if job.source.exists() else 'no such file'}")
    try:
        with job.source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise DataError(f"{job.source}: cannot be read: {exc.strerror}") from exc
    run = classifier.record.get("manifest") or classifier.record.get("identity")
    identity = {"run": run, "input": digest, "reading": asdict(job.reading), "raw": job.raw}
    return dict(json.loads(json.dumps(identity)))  # as the journal gives it back, where a tuple is a list


def _write_journal(job: Job, identity: Mapping[str, Any], done: Done) -> None:
    atomic.write_json(job.journal, {"identity": identity, "done": asdict(done)})


def _resume(job: Job, identity: Mapping[str, Any], reporter: Reporter) -> Done:
    if not job.partial.exists():
        return Done()
    try:
        journal = json.loads(job.journal.read_text(encoding="utf-8"))
        same, done = journal["identity"] == identity, Done(**journal["done"])
    except (OSError, ValueError, KeyError, TypeError):
        same, done = False, Done()
    with explained(job.partial):
        if not same or job.partial.stat().st_size < done.bytes:
            raise UsageError(
                f"{job.partial} is the beginning of another output: the run, the input or the options were others;"
                " remove it, or give another --output"
            )
        with job.partial.open("r+b") as file:
            file.truncate(done.bytes)
    if done.rows:
        reporter.note(f"going on after {done.rows:,} rows that {job.partial} holds already")
    return done
