"""The data source itself: asks the database once, and lets the reader of files have the rows."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from clsfw.kit import cache_directory, explained, temporary
from clsfw_csv.inputs import FoundFile
from clsfw_csv.source import load_tables, row_format
from clsfw_sql.database import Database
from clsfw_sql.rows import read_rows, write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clsfw import Reporter, RowFormat
    from clsfw_sql import SqlSettings

_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


class SqlSource:
    """Labelled texts from one database."""

    def __init__(self, settings: SqlSettings) -> None:
        self._settings = settings
        self._provenance: dict[str, str] = {}

    def load(self, reporter: Reporter) -> Path | dict[str, Path]:
        """Return where `text`, `label`, `row` and the other plain columns are kept; see `DataSource.load`."""
        settings = self._settings
        database = Database(settings)
        for split, query in settings.queries.items():
            if not _ORDERED.search(query):
                reporter.warn(
                    f"{_named(split)}: has no ORDER BY, so the database may give the same rows in another order next "
                    "time, and with them other splits"
                )
        # All of the rows decide on labels and columns, so they are read twice: here, and not in the database.
        drafts = temporary(cache_directory("queries") / "rows")
        try:
            with explained(drafts):
                drafts.mkdir()
            found = {split: [file] for split, file in self._fetch(database, drafts, reporter)}
            tables, facts = load_tables(found, settings, reporter)
        finally:
            shutil.rmtree(drafts, ignore_errors=True)
        queries = {f"{split}_query" if split else "query": query for split, query in settings.queries.items()}
        self._provenance = {"database": database.kind, **queries, **facts}
        return tables

    def _fetch(self, database: Database, folder: Path, reporter: Reporter) -> Iterator[tuple[str, FoundFile]]:
        """Write the rows of each query to a file, all of them as of one moment."""
        with database.connect() as connection:
            for split, query in self._settings.queries.items():
                name, path = _named(split), folder / f"{split or 'rows'}.jsonl"
                reporter.note(f"asking {database.name} for the rows of the {name}")
                rows = read_rows(database, connection, name, query, self._settings)
                digest = write_rows(rows, path, name, reporter)
                yield split, FoundFile(path, name, digest, (path.stat().st_size, path.stat().st_mtime_ns))

    def row_format(self) -> RowFormat:
        """Say what a row means; see `HasRowFormat`."""
        return row_format(self._settings)

    def join_by(self, separator: str) -> None:
        """Join several columns by this; see `JoinsColumns`."""
        self._settings = self._settings.model_copy(update={"text_separator": separator})

    def provenance(self) -> Mapping[str, str]:
        """Say what was asked and which rows came; empty before `load`."""
        return dict(self._provenance)


def _named(split: str) -> str:
    return f"{split} query".strip()
