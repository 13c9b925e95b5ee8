from __future__ import annotations

import csv
import io

import pytest

from clsfw.kit.text import csv_line


@pytest.mark.parametrize("cell", ["one\rtwo", "\r", "one\ntwo", "one\r\ntwo", "two\r\n", 'a "b"', "a,b", "", "\x85"])
def test_every_cell_reads_back(cell):
    line = csv_line([cell, "last"])

    assert [[cell, "last"]] == list(csv.reader(io.StringIO(line, newline=""), strict=True))


def test_an_ordinary_row_is_as_before():
    rows = [["a", 1, 0.5, "", None, "b c", 'd "e", f', "g\nh"], [""], [], ["\u00e9"]]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)

    assert out.getvalue() == "".join(map(csv_line, rows))
