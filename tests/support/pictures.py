"""Empty pictures in the reports of tests that do not look at them: drawing takes most of the time of a small run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Self

import pytest
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

EMPTY = '<svg viewBox="0 0 72 72"></svg>\n'


class _Axes:
    """Takes whatever is drawn."""

    def __getattr__(self, _name: str) -> Self:
        return self

    def __call__(self, *_arguments: object, **_options: object) -> Self:
        return self


def _write_empty(_figure: Figure, file: IO[str], **_options: object) -> None:
    file.write(EMPTY)


STAND_INS: dict[str, Any] = {"add_subplot": lambda *_arguments, **_options: _Axes(), "savefig": _write_empty}


def leave_out_pictures() -> None:
    """Leave the drawing out for as long as Python runs."""
    for name, stand_in in STAND_INS.items():
        setattr(Figure, name, stand_in)


@contextmanager
def empty_pictures() -> Iterator[None]:
    """Leave the drawing out within this context."""
    with pytest.MonkeyPatch.context() as patch:
        for name, stand_in in STAND_INS.items():
            patch.setattr(Figure, name, stand_in)
        yield
