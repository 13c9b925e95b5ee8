"""Writes the rows of a query down as JSON lines, a batch at a time, and hashes them."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clsfw import DataError
from clsfw.kit import Rows, explained
from clsfw_csv.records import missing_columns
from clsfw_sql.database import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from clsfw import Reporter
    from clsfw_sql import SqlSettings
    from clsfw_sql.database import Database


def write_rows(batches: Iterable[list[str]], target: Path, name: str, reporter: Reporter) -> str:
    """Write batches of lines to a file, and return their SHA-256.

    Raises:
        HostError: the file cannot be written.

    """
    digest, done = hashlib.sha256(), 0
    with explained(target), target.open("wb") as file:
        for lines in batches:
            content = "".join(lines).encode("utf-8", "surrogatepass")  # its reader refuses halves of characters
            digest.update(content)
            file.write(content)
            done += len(lines)
            reporter.progress(f"fetching the rows of the {name}", done, None, "rows")
    return digest.hexdigest()


def read_rows(
    database: Database, connection: Connection, name: str, query: str, settings: SqlSettings
) -> Iterator[list[str]]:
    """Return the rows of a query as JSON lines, batch by batch, up to `settings.rows`; `name` is for messages.

    Raises:
        DataError: the database refuses the query, or it gives no columns of texts and labels.
        NetworkError: the connection broke.

    """
    with database.asking(name):
        result = connection.exec_driver_sql(query.rstrip().rstrip(";"))
    with closing(result):
        columns = tuple(result.keys()) if result.returns_rows else ()
        _check_columns(columns, name, settings)
        left = sys.maxsize if settings.rows is None else settings.rows
        while left:
            with database.asking(name):
                batch = result.fetchmany(min(BATCH, left))
            if not batch:
                break
            left -= len(batch)
            yield [_line(dict(zip(columns, row, strict=True))) for row in batch]


def _check_columns(columns: Sequence[str], name: str, settings: SqlSettings) -> None:
    if not columns:
        raise DataError(f"{name}: gives no rows; write a SELECT")
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise DataError(f"{name}: gives two columns called {twice!r}; rename one of them by AS")
    if missing := missing_columns(Rows(columns, ()), settings):
        raise DataError(f"{name}: {missing}")


def _line(values: Mapping[str, Any]) -> str:
    try:
        return f"{json.dumps(values, ensure_ascii=False, allow_nan=False, default=_plain)}\n"
    except ValueError:  # a number that JSON does not have
        return f"{json.dumps(_finite(values), ensure_ascii=False, allow_nan=False, default=_plain)}\n"


def _plain(value: object) -> object:
    """Return a value in JSON's types: whole numbers as such, dates and the like as text, and no text for bytes."""
    if isinstance(value, Decimal):
        return _finite(int(value) if value.is_finite() and value == value.to_integral_value() else float(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": len(value)}
    return str(value)


def _finite(value: object) -> object:
    """Replace what is not a number by none, and infinity by its name."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value
