"""What all tests share: no network, a cache of their own, and the real data where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Set before any library reads them: no test may reach a network, and threads make tiny models slower.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_EVALUATE_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Give the folder of real reviews and real weights that may stand beside a checkout."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the real reviews and weights in ../shared, which is absent here")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test caches (downloads, tokens) away from the user's own cache."""
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path_factory.getbasetemp() / "clsfw-cache"))
