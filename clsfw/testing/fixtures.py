"""Fixtures for an author's tests: put `pytest_plugins = ["clsfw.testing.fixtures"]` into the top `conftest.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clsfw.testing.samples import toy_splits
from clsfw.testing.toys import ToyModel, ToyTrainer

if TYPE_CHECKING:
    from datasets import Dataset


@pytest.fixture
def clsfw_splits() -> dict[str, Dataset]:
    """Return small splits train, validation and test with two classes."""
    return toy_splits()


@pytest.fixture
def clsfw_tiny_encoder() -> Any:
    """Return a model that starts tiny random torch encoders, tokenizer included; imports torch."""
    from clsfw.testing.encoder import TinyEncoder

    return TinyEncoder()


@pytest.fixture
def clsfw_toy_model() -> ToyModel:
    """Return a model in plain numpy."""
    return ToyModel()


@pytest.fixture
def clsfw_toy_trainer() -> ToyTrainer:
    """Return the trainer of the toy model, which runs in milliseconds."""
    return ToyTrainer()
