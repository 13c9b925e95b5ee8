"""A quote that is wrong is named by the line of the field that it opens."""

from __future__ import annotations

import pytest

from clsfw.kit.csv_reader import _quote_line


@pytest.mark.parametrize(
    ("lines", "opened"),
    [
        (['"never closed,pos\n', "more\n"], 0),
        (['"a ""doubled"" quote\n', "goes on\n"], 0),
        (['"closed on the next line\n', '","never closed\n'], 1),
        (['"closed on the next line\n', '" with text after it,"never closed\n'], 0),
        (['"closed",plain,"then\n', "not\n"], 0),
        (["plain\n", 'a quote " amid a field,"never closed\n'], 1),
    ],
)
def test_the_line_of_the_quote(lines, opened):
    assert opened == _quote_line(lines, ",")
