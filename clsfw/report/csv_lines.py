"""Writes the lines of CSV files."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def csv_line(cells: Iterable[object]) -> str:
    r"""Give a row with its line end, `\n`."""
    out = io.StringIO(newline="")
    # Up to Python 3.12 the writer quotes a carriage return only where it is part of the line end.
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"
