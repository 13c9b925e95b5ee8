"""Plugins for the tests of recipes: the bundled ones, and small fakes with a fault each."""

from __future__ import annotations

import pytest

from clsfw.plugin.discovery import discover


@pytest.fixture(scope="session")
def bundled():
    """Give the installed plugins; their packages import nothing heavy."""
    return discover()
