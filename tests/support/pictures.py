"""Empty pictures in the reports of tests that do not look at them: drawing takes most of the time of a small run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import pytest
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY = '<svg viewBox="0 0 72 72"></svg>\n'


def _write_empty(_figure: Figure, file: IO[str], **_options: object) -> None:
    file.write(EMPTY)


def leave_out_pictures() -> None:
    """Leave the drawing out for as long as Python runs."""
    Figure.savefig = _write_empty


@contextmanager
def empty_pictures() -> Iterator[None]:
    """Leave the drawing out within this context."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", _write_empty)
        yield
