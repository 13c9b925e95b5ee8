"""Knows the content of a local file by its hash."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from clsfw import DataError

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hash a file's content as it is stored.

    Raises:
        OSError: it cannot be read.

    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_pin(name: str, digest: str, pinned: str | None) -> None:
    """Refuse a content that is not the one that the recipe pins.

    Raises:
        DataError: with both hashes.

    """
    if pinned is not None and digest != pinned:
        raise DataError(
            f"{name}: its sha256 is {digest}, but the recipe pins {pinned}; "
            "get the pinned file, or pin this one if the change is known"
        )
