"""What the tests of `hf-dataset` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clsfw_hf_datasets import HfDatasetSettings
from clsfw_hf_datasets.source import HfDatasetSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.reporting import Remembering


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def load(tmp_path: Path, reporter: Remembering) -> Callable[..., Any]:
    """Give a function that reads a path below the test's folder by `hf-dataset`."""

    def read(path: str, **settings: Any) -> Any:
        checked = HfDatasetSettings.model_validate({"path": str(tmp_path / path), **settings})
        return HfDatasetSource(checked).load(reporter)

    return read
