"""What a data source gives, as the engine sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clsfw.kit.data import parts_of


def data_of(given: object) -> Any:
    """Return the rows, or those of each split, whatever form the source gives them in."""
    parts = parts_of(given, "the test")
    return parts if isinstance(given, Mapping) else parts["train"]
