"""What the tests of the CSV data sources share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.rows import data_of

from clsfw_csv import CsvSettings
from clsfw_csv.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from datasets import Dataset
    from support.reporting import Remembering


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty cache: these tests are about what gets into it."""
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def load(tmp_path: Path, reporter: Remembering) -> Callable[..., Dataset]:
    """Give a function that writes a file and reads it by `csv`."""

    def write_and_load(content: bytes, file: str = "reviews.csv", **settings: Any) -> Dataset:
        (tmp_path / file).write_bytes(content)
        checked = CsvSettings.model_validate({"source": str(tmp_path / file), **settings})
        return data_of(FileSource(checked).load(reporter))

    return write_and_load
