"""The data source itself: finds the files, reads them once, and keeps the result in the cache."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw import RowFormat
from clsfw.kit import cache_directory, staged_directory, write_json
from clsfw_csv import RowSettings
from clsfw_csv.inputs import find_files, read_json, sha256_of
from clsfw_csv.table import Facts, write_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Reporter
    from clsfw_csv import FileSettings
    from clsfw_csv.inputs import FoundFile

_LAYOUT = 4  # of the cached tables; another number leaves older ones aside
_FACTS = "facts.json"


class FileSource:
    """Labelled texts from files of rows."""

    def __init__(self, settings: FileSettings) -> None:
        self._settings = settings
        self._provenance: dict[str, str] = {}

    def load(self, reporter: Reporter) -> Path | dict[str, Path]:
        """Return where `text`, `label`, `row` and the other columns of the files are kept; see `DataSource.load`."""
        settings = self._settings
        found = {
            split: find_files(files, settings.hashes.get(split, ()), settings.max_bytes, reporter)
            for split, files in settings.files.items()
        }
        tables, self._provenance = load_tables(found, settings, reporter)
        return tables

    def row_format(self) -> RowFormat:
        """Say how the files are written; see `HasRowFormat`."""
        first = next(iter(self._settings.files.values()))[0]
        return row_format(self._settings, "\t" if Path(first).name.lower().split(".")[-1] == "tsv" else ",")

    def join_by(self, separator: str) -> None:
        """Join several columns by this; see `JoinsColumns`."""
        self._settings = self._settings.model_copy(update={"text_separator": separator})

    def provenance(self) -> Mapping[str, str]:
        """Say which content was read; empty before `load`."""
        return dict(self._provenance)


def load_tables(
    found: Mapping[str, list[FoundFile]], settings: RowSettings, reporter: Reporter
) -> tuple[Path | dict[str, Path], dict[str, str]]:
    """Return the table with the rows of the files, or one for each split, and what is to be recorded of them.

    Raises:
        DataError: a file breaks the rules.
        HostError: the cache cannot be written.

    """
    folder, facts = _cached_tables(found, settings, reporter)
    for split, part in facts.items():
        if part.dropped:
            line = part.first_dropped.rpartition(":")[2]
            first = f"the first on line {line}" if len(found[split]) == 1 else f"the first at {part.first_dropped}"
            reporter.note(f"{_named(found[split])}: dropped {part.dropped:,} rows with a blank text, {first}")
        if part.left_out:
            taken = ", ".join(map(repr, part.left_out))
            reporter.note(f"{_named(found[split])}: left out the column {taken}, whose name is taken")
    tables = {split: folder / _table(split) for split in found}
    return tables.get("", tables), _provenance(found, facts)


def row_format(settings: RowSettings, delimiter: str = ",") -> RowFormat:
    """Say how the rows are written; `delimiter` is that of a CSV file whose settings name none."""
    return RowFormat(
        text_columns=settings.text_columns,
        text_separator=settings.text_separator,
        label_column=settings.label_column,
        labels=settings.labels,
        label_separator=settings.label_separator,
        encoding=settings.csv.encoding,
        delimiter=settings.csv.delimiter or delimiter,
        empty_text=settings.empty_text,
        text_pair_column=settings.text_pair_column,
    )


def _provenance(found: Mapping[str, list[FoundFile]], facts: Mapping[str, Facts]) -> dict[str, str]:
    said = {}
    for split, files in found.items():
        prefix = f"{split}_" if split else ""
        said[f"{prefix}sha256"] = " ".join(file.sha256 for file in files)
        said[f"{prefix}rows"] = str(facts[split].rows)
        said[f"{prefix}rows_dropped"] = str(facts[split].dropped)
        if urls := [file.name for file in files if "://" in file.name]:
            said[f"{prefix}url"] = " ".join(urls)
    return said


def _named(files: list[FoundFile]) -> str:
    return ", ".join(file.name for file in files)


def _table(split: str) -> str:
    return f"{split or 'data'}.arrow"


def _cached_tables(
    found: Mapping[str, list[FoundFile]], settings: RowSettings, reporter: Reporter
) -> tuple[Path, dict[str, Facts]]:
    """Return the folder of the tables of this content under these settings, from the cache if intact ones are there."""
    told = settings.model_dump(include=set(RowSettings.model_fields)) | {"csv": asdict(settings.csv)}
    # A list of pairs, since the order of the labels decides their ids.
    told["labels"] = None if settings.labels is None else list(settings.labels.items())
    # The ending counts too: a name that denies the content is refused, whether or not the content was read before.
    files = [[split, [[file.sha256, file.path.suffix.lower()] for file in part]] for split, part in found.items()]
    names = [file.path.name for part in found.values() for file in part] if len(found) > 1 else []
    parts = [_LAYOUT, settings.kind, files, names, told]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    folder = cache_directory("tables") / key[:32]
    facts = _facts_of_intact(folder, found)
    if facts is None:
        with staged_directory(folder) as staged:
            targets = {split: staged / _table(split) for split in found}
            facts = write_tables(found, settings, targets, reporter)
            for part in found.values():
                for file in part:
                    file.check_unchanged()  # or the table would not be that of the hash
            kept = {split: {**asdict(facts[split]), "sha256": sha256_of(targets[split])} for split in found}
            write_json(staged / _FACTS, kept)
    return folder, facts


def _facts_of_intact(folder: Path, found: Mapping[str, object]) -> dict[str, Facts] | None:
    facts = {}
    try:
        kept = read_json(folder / _FACTS)
        told = kept if isinstance(kept, dict) else {}
        for split in found:
            part = _facts(told.get(split), folder / _table(split))
            if part is not None:
                facts[split] = part
    except (OSError, ValueError):
        pass  # missing, cut off, or of another layout: it is made anew
    return facts if facts.keys() == found.keys() else None


def _facts(kept: object, table: Path) -> Facts | None:
    match kept:
        case {
            "rows": int(rows),
            "dropped": int(dropped),
            "first_dropped": str(first),
            "left_out": list(left_out),
            "sha256": str(digest),
        } if digest == sha256_of(table):
            return Facts(rows, dropped, first, tuple(map(str, left_out)))
    return None
