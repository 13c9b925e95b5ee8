"""One server of lives for each trainer, for all tests here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The helpers stand beside the tests and run as scripts too; importlib mode puts no folder on the path.
sys.path.insert(0, str(Path(__file__).parent))

from forks import Forks

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def gpu_forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("gpu-trainer"), "gpu-trainer") as forks:
        yield forks


@pytest.fixture(scope="session")
def hf_forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("hf-trainer"), "hf-trainer") as forks:
        yield forks


@pytest.fixture(params=["gpu-trainer", pytest.param("hf-trainer", marks=pytest.mark.thorough)])
def forks(request: pytest.FixtureRequest) -> Forks:
    found: Forks = request.getfixturevalue("gpu_forks" if request.param == "gpu-trainer" else "hf_forks")
    return found


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Keep the hashes of the undisturbed run of each trainer, by the recipe's folder."""
    return {}
