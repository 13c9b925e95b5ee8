"""The data source itself: finds the file, reads it once, and keeps the result in the cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datasets import Dataset

from clsfw import DataError, RowFormat
from clsfw.kit import cache_directory, check_file, staged_directory, write_json
from clsfw_csv.download import download
from clsfw_csv.files import check_pin, sha256_of
from clsfw_csv.table import Facts, write_table
from clsfw_csv.urls import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Reporter
    from clsfw_csv import CsvSettings

_LAYOUT = 1  # of the cached tables; another number leaves older ones aside
_TABLE = "data.arrow"
_FACTS = "facts.json"


@dataclass(frozen=True)
class _Found:
    """The file to read; `name` stands for it in messages, `state` tells whether it was written to since."""

    path: Path
    name: str
    sha256: str
    state: tuple[int, int]


class CsvSource:
    """Labelled texts from one CSV file."""

    def __init__(self, settings: CsvSettings) -> None:
        self._settings = settings
        self._provenance: dict[str, str] = {}

    def load(self, reporter: Reporter) -> Dataset:
        """Return `text`, `label`, `row` and the other columns of the file; see `DataSource.load`."""
        settings = self._settings
        found = _find(settings, reporter)
        table, facts = _cached_table(found, settings, reporter)
        name = found.name
        if facts.dropped:
            reporter.note(
                f"{name}: dropped {facts.dropped:,} rows with a blank text, the first on line {facts.first_dropped}"
            )
        if facts.left_out:
            reporter.note(f"{name}: left out the column {', '.join(map(repr, facts.left_out))}, whose name is taken")
        self._provenance = {"sha256": found.sha256, "rows": str(facts.rows), "rows_dropped": str(facts.dropped)}
        if "://" in settings.source:
            self._provenance["url"] = name
        return Dataset.from_file(str(table))

    def row_format(self) -> RowFormat:
        """Say how the file is written; see `HasRowFormat`."""
        settings = self._settings
        return RowFormat(
            text_column=settings.text_column,
            label_column=settings.label_column,
            labels=settings.labels,
            label_separator=settings.label_separator,
            encoding=settings.encoding,
            delimiter=settings.delimiter,
            empty_text=settings.empty_text,
        )

    def provenance(self) -> Mapping[str, str]:
        """Say which content was read; empty before `load`."""
        return dict(self._provenance)


def _find(settings: CsvSettings, reporter: Reporter) -> _Found:
    """Have the file here, by download if need be, and know its content."""
    if "://" in settings.source:
        path, digest = download(settings.source, settings.sha256, settings.max_bytes, reporter)
        return _Found(path, redact(settings.source), digest, _state(path))
    path = Path(settings.source)
    name = _shown(path)
    check_file(path, name)
    try:
        state, digest = _state(path), sha256_of(path)
    except OSError as exc:
        raise DataError(f"{name}: cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    check_pin(name, digest, settings.sha256)
    return _Found(path, name, digest, state)


def _state(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns


def _shown(path: Path) -> str:
    """Name a file as a person at the prompt would."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _cached_table(found: _Found, settings: CsvSettings, reporter: Reporter) -> tuple[Path, Facts]:
    """Return the table of this content under these settings, from the cache if an intact one is there."""
    told = settings.model_dump(exclude={"source", "sha256", "max_bytes"})
    # A list of pairs, since the order of the labels decides their ids.
    told["labels"] = None if settings.labels is None else list(settings.labels.items())
    # The ending counts too: a name that denies the content is refused, whether or not the content was read before.
    parts = [_LAYOUT, found.sha256, found.path.suffix.lower(), told]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    folder = cache_directory("tables") / key[:32]
    facts = _facts_of_intact(folder)
    if facts is None:
        with staged_directory(folder) as staged:
            facts = write_table(found.path, found.name, settings, staged / _TABLE, reporter)
            if _state(found.path) != found.state:  # then the table is not that of the hash
                raise DataError(f"{found.name}: changed while it was read; run again when nothing writes to it")
            write_json(staged / _FACTS, {**asdict(facts), "sha256": sha256_of(staged / _TABLE)})
    return folder / _TABLE, facts


def _facts_of_intact(folder: Path) -> Facts | None:
    try:
        kept = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        if kept.pop("sha256") == sha256_of(folder / _TABLE):
            return Facts(**{**kept, "left_out": tuple(kept["left_out"])})
    except (OSError, ValueError, KeyError, TypeError):
        pass  # missing, cut off, or of another layout: it is made anew
    return None
