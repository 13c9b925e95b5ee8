"""Long lines on a terminal, and elsewhere."""

from __future__ import annotations

import io

import pytest
from support.terminals import terminal

from clsfw.report.wrapping import wrapped

PATH = "/a/path-of-a-run/" + "with-hyphens/" * 8 + "report.html"
LONG = "  this line is longer than what a terminal of forty columns has room for"


def on_40_columns(text: str) -> list[str]:
    with terminal(40) as narrow:
        return wrapped(text, narrow.stream).split("\n")


class TestWrapped:
    def test_a_terminal_gets_lines_that_end_between_words(self) -> None:
        told = on_40_columns(LONG)

        assert ["  this line is longer than what a", "    terminal of forty columns has room", "    for"] == told

    def test_no_path_is_cut(self) -> None:
        told = on_40_columns(f"clsfw: error: {PATH} is no run")

        assert ["clsfw: error:", f"  {PATH}", "  is no run"] == told

    @pytest.mark.parametrize("line", ["", "short", "a   table   of   columns   that   is   wider   than   that"])
    def test_short_lines_and_columns_stay(self, line: str) -> None:
        assert [line, line] == on_40_columns(f"{line}\n{line}")

    def test_a_terminal_that_does_not_tell_its_width_gets_lines_as_they_are(self) -> None:
        with terminal(0) as unknown:
            assert LONG == wrapped(LONG, unknown.stream)

    def test_a_pipe_gets_lines_as_they_are(self) -> None:
        assert LONG == wrapped(LONG, io.StringIO())
