"""The data source itself: opens the splits, chooses among them, and keeps their rows in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datasets import Dataset, DatasetDict

from clsfw import DataError, RowFormat
from clsfw.kit import cache_directory
from clsfw_hf_datasets.hub import broken_off, open_hub
from clsfw_hf_datasets.opening import explained, open_saved
from clsfw_hf_datasets.table import write_tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Reporter
    from clsfw_hf_datasets import HfDatasetSettings

Split = Literal["train", "validation", "test"]
_SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class HfDatasetSource:
    """Labelled texts from one data set."""

    def __init__(self, settings: HfDatasetSettings) -> None:
        self._settings = settings
        self._provenance: dict[str, str] = {}

    def load(self, reporter: Reporter) -> Dataset | DatasetDict:
        """Return `text`, `label`, `row` and the other plain columns; see `DataSource.load`."""
        settings = self._settings
        name = _shown(settings.path) if settings.is_local else settings.path
        with explained(name):
            opened = open_saved(settings, name) if settings.is_local else open_hub(settings, reporter)
            parts = _choose(opened.parts, settings.splits, name)
            with broken_off(name):
                tables = write_tables(parts, settings, name, cache_directory("datasets"), reporter)
        self._provenance = dict(opened.origin)
        if settings.name is not None:
            self._provenance["config"] = settings.name
        data = {split: Dataset.from_file(str(table)) for split, table in tables.items()}
        for split, table in tables.items():
            self._provenance |= {f"{split}_sha256": table.stem, f"{split}_rows": str(len(data[split]))}
        if settings.splits is None and len(data) == 1:
            return next(iter(data.values()))
        return DatasetDict(data)

    def row_format(self) -> RowFormat:
        """Say what a row of the data set means; see `HasRowFormat`."""
        settings = self._settings
        return RowFormat(
            text_columns=(settings.text_column,),
            label_column=settings.label_column,
            labels=settings.labels,
            empty_text=settings.empty_text,
            text_pair_column=settings.text_pair_column,
        )

    def provenance(self) -> Mapping[str, str]:
        """Say which content was read; empty before `load`."""
        return dict(self._provenance)


def _choose(parts: Mapping[str, Any], wanted: Mapping[Split, str] | None, name: str) -> dict[str, Any]:
    """Pick the splits, under the names that they have in a recipe."""
    own = ", ".join(map(repr, parts))
    if wanted is not None:
        missing = [split for split in wanted.values() if split not in parts]
        if missing:
            raise DataError(f"{name}: has no split {missing[0]!r}; its splits are {own}")
        return {split: parts[wanted[split]] for split in _SPLITS if split in wanted}
    found: dict[str, Any] = {split: parts[split] for split in _SPLITS if split in parts}
    if "train" in found:
        return found
    if len(parts) == 1:
        return {"train": next(iter(parts.values()))}
    raise DataError(f'{name}: its splits are {own}; say which is which, as in splits = {{ train = "..." }}')


def _shown(path: str) -> str:
    """Name a path as a person at the prompt would."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
