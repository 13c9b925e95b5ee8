"""What a worker needs to label pieces, in a form that travels to it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.bulk.piece_rows import PieceRows
from clsfw.bulk.pieces import PART_BYTES, Piece
from clsfw.bulk.places import Place
from clsfw.contract.parts import Labels, RowFormat
from clsfw.evidence.finished import read_model, read_record
from clsfw.inference.chunks import chunks
from clsfw.inference.output import Columns, names_of
from clsfw.inference.reading import Reading, RowFile, read_format
from clsfw.kit.rows import parquet_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.bulk.inputs import Input
    from clsfw.evidence.content import RunRecord
    from clsfw.kit.rows import OnFault

OWN = "_clsfw"
"""The folder in the output that holds what is not rows: the plan, the proofs of the parts, the manifest."""

KINDS = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "jsonl"}
"""The kind of parts that files are labelled into, by their own format, where no other is asked for."""


@dataclass(frozen=True)
class Asked:
    """What is to be labelled with which run, where to, and how; `kind` is that of the parts."""

    run: str
    source: str
    target: str
    reading: Reading = field(default_factory=Reading)
    raw: bool = False
    kind: str | None = None
    part_bytes: int = PART_BYTES
    skip: bool = False
    allow_incomplete: bool = False
    allow_code: bool = False


@dataclass(frozen=True)
class Known:
    """What a run says of its labels and of how its own data was written, without its model."""

    labels: Labels
    rows: RowFormat
    identity: str

    @classmethod
    def of(cls, asked: Asked) -> Known:
        """Read it.

        Raises:
            RunDirectoryError: there is no complete run, or a file of it was changed.
            UsageError: a column of second texts is asked for, and the run knows no pairs.

        """
        path = Path(asked.run).expanduser()
        record = read_record(path, allow_incomplete=asked.allow_incomplete)
        _, about = read_model(path)
        rows = read_format(record, path)
        asked.reading.check(rows)
        return cls(Labels(tuple(about["labels"]), about["multi_label"]), rows, identity_of(record))


@dataclass(frozen=True)
class Frame:
    """What the first rows settle for all: the columns of texts, all columns, and the types that Parquet parts have."""

    texts: tuple[str, ...]
    columns: tuple[str, ...]
    schema: str | None = None


@dataclass(frozen=True)
class Task:
    """All that the bytes of the parts depend on, and where they go."""

    asked: Asked
    known: Known
    kind: str
    inputs: tuple[Input, ...]
    frame: Frame

    def describe(self, path: Path, file: Input) -> RowFile:
        """Say how a text file, which lies at a path of this machine, is read."""
        return describe(self.asked, self.known, path, file)

    def rows(self, piece: Piece) -> PieceRows:
        """Return what reads the rows of a piece."""
        return PieceRows(self.inputs[piece.file], piece, self.describe)

    def part(self, piece: Piece) -> Place:
        """Return where a piece's labelled rows go."""
        return Place.of(self.asked.target).child(part_name(piece.number, self.kind))

    def proof(self, piece: Piece) -> Place:
        """Return where it is said that they are there."""
        return Place.of(self.asked.target).child(proof_name(piece.number))


def part_name(number: int, kind: str) -> str:
    """Return the name of a part; names in order are parts in order."""
    return f"part-{number:06d}.{kind}"


def proof_name(number: int) -> str:
    """Return the name of the proof of a part."""
    return f"{OWN}/part-{number:06d}.json"


def errors_name(number: int) -> str:
    """Return the name of the file of the rows of a piece that could not be labelled."""
    return f"{OWN}/part-{number:06d}.errors.jsonl"


def identity_of(record: RunRecord) -> str:
    """Return a hash that differs between two runs, and between two models of one."""
    found: Any = record.get("manifest") or record.get("identity")
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def describe(asked: Asked, known: Known, path: Path, file: Input) -> RowFile:
    """Say how a text file, which lies at a path of this machine, is read."""
    return RowFile(path, known.labels, asked.reading, known.rows, str(file.place))


def settle(asked: Asked, known: Known, kind: str, inputs: Sequence[Input], pieces: Sequence[Piece]) -> Frame:
    """Read the first rows of the first file that has some.

    Raises:
        DataError: they cannot be read, or there is no column of texts.
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    frame = Frame((), ())
    on_fault: OnFault | None = (lambda *_: None) if asked.skip else None
    for number, file in enumerate(inputs):
        first = next(piece for piece in pieces if piece.file == number)
        found = PieceRows(file, first, lambda path, given: describe(asked, known, path, given))
        if file.format == ".parquet":
            with file.place.opened() as opened, parquet_file(opened, str(file.place)) as parquet:
                schema = parquet.schema_arrow
            rows, names = next(chunks(found.rows()), []), schema.names
            texts = describe(asked, known, Path(f"rows{file.format}"), file).text_columns(names)
        else:
            with found.text_file() as text_file:
                schema, rows = None, next(chunks(text_file.rows(on_fault)), [])
                names = names_of(rows)
                texts = text_file.text_columns(names) if rows else ()
        if names:
            frame = Frame(tuple(texts), tuple(names))
        if names and kind == "parquet":
            from clsfw.inference.parquet import schema_of

            serialized = schema_of(Columns.of(known.labels, names), schema, rows).serialize().to_pybytes()
            frame = replace(frame, schema=base64.b64encode(serialized).decode())
        if rows:
            break
    return frame


def to_json(value: object) -> Mapping[str, Any]:
    """Return a dataclass as what its JSON reads back as."""
    return dict(json.loads(json.dumps(asdict(value))))  # type: ignore[call-overload]  # a dataclass, which no type says
