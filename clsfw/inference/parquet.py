"""Writes predicted rows as a Parquet file, one row group for each chunk."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from clsfw.errors import DataError
from clsfw.inference.output import Columns, names_of
from clsfw.kit.disk import explained
from clsfw.kit.rows import format_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from clsfw.contract.parts import Labels
    from clsfw.inference.output import Predicted
    from clsfw.kit.rows import Row


def write_parquet(path: Path, source: Path, labels: Labels, predicted: Iterator[Predicted]) -> None:
    """Write all chunks; the input's columns keep their types, which for JSONL are those of the first chunk.

    Raises:
        DataError: a value is not of its column's type.
        HostError: the operating system refused.

    """
    first = next(predicted, None)
    columns = Columns.of(labels, [] if first is None else names_of(first.rows))
    known = pq.read_schema(source) if format_of(source) == ".parquet" else None
    schema = schema_of(columns, known, [] if first is None else first.rows)
    write_chunks(
        path,
        schema,
        columns,
        chain([] if first is None else [first], predicted),
        lambda number: f"{source}: a value from record {number} on",
    )


def write_chunks(
    path: Path, schema: pa.Schema, columns: Columns, predicted: Iterable[Predicted], told: Callable[[int], str]
) -> None:
    """Write all chunks with the columns of a schema; `told` names the values from a row's number on in a message.

    Raises:
        DataError: a value is not of its column's type.
        HostError: the operating system refused.

    """
    with explained(path), pq.ParquetWriter(path, schema) as writer:
        for chunk in predicted:
            try:
                writer.write_table(pa.Table.from_pylist(list(columns.values(chunk, joined=False)), schema=schema))
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as exc:
                raise DataError(
                    f"{told(chunk.rows[0].number)} does not fit its column: {exc}; write JSONL instead"
                ) from exc


def schema_of(columns: Columns, known: pa.Schema | None, rows: Sequence[Row]) -> pa.Schema:
    """Return the output's columns with their types: those of the input's schema, or what its first rows show.

    Raises:
        DataError: the values of a column are of several types.

    """
    labels: Any = pa.list_(pa.string()) if columns.labels.multi_label else pa.string()
    own = [labels, *[pa.float32()] * (len(columns.own) - 1)]
    fields = list(zip(columns.own, own, strict=True))
    for name, new in columns.given.items():
        kind = known.field(name).type if known is not None else _guess(name, rows)
        fields.append((new, pa.string() if pa.types.is_null(kind) else kind))
    return pa.schema(fields)


def _guess(name: str, rows: Sequence[Row]) -> Any:
    values = [row.values.get(name) for row in rows]
    try:
        return pa.array(values).type
    except OverflowError as exc:
        raise DataError(f"column {name!r} has a number that is too large for Parquet; write JSONL instead") from exc
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as exc:
        raise DataError(f"column {name!r} mixes kinds of values, which Parquet cannot hold: {exc}") from exc
