"""Outcomes to weigh."""

from __future__ import annotations

import pytest
from support import facts as support


@pytest.fixture
def options():
    return support.make_options


@pytest.fixture
def dataset():
    return support.make_dataset


@pytest.fixture
def outcome():
    return support.make_outcome


@pytest.fixture
def facts():
    return support.make_facts
