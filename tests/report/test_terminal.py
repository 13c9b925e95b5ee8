"""What a run shows while it goes on, on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
from typing import TYPE_CHECKING

from support.terminals import terminal

from clsfw.report.terminal import Live, Plain, open_display

if TYPE_CHECKING:
    import pytest

SCORES = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "accuracy": 0.875}


class _Closed(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class TestPlain:
    def test_the_table_has_the_columns_of_the_notebook(self) -> None:
        out = io.StringIO()
        display = Plain(out)
        display.evaluated(20, 0.69, 0.68, SCORES)

        head, row = out.getvalue().splitlines()
        assert "Step Training Loss Validation Loss Precision Recall F1 Accuracy" == " ".join(head.split())
        assert ["20", "0.690000", "0.680000", "0.500000", "0.250000", "0.333333", "0.875000"] == row.split()

    def test_the_head_of_the_table_is_printed_once(self) -> None:
        out = io.StringIO()
        display = Plain(out)
        display.evaluated(20, 0.69, 0.68, SCORES)
        display.evaluated(40, None, None, SCORES)

        assert 3 == len(out.getvalue().splitlines())

    def test_the_table_of_the_notebook_fits_80_columns(self) -> None:
        out = io.StringIO()
        display = Plain(out)
        display.evaluated(250_000, 0.69, 10.25, SCORES)

        assert {79} == {len(line) for line in out.getvalue().splitlines()}

    def test_progress_is_a_line_every_few_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr("clsfw.report.terminal.time.monotonic", lambda: now[0])
        out = io.StringIO()
        display = Plain(out)
        for step in range(11):
            display.progress("training", step, 100, "steps")
            now[0] += 1.0

        assert [
            "  training: 5 of 100 steps, 1.0 steps/s, 1:35 left",
            "  training: 10 of 100 steps, 1.0 steps/s, 1:30 left",
        ] == (out.getvalue().splitlines())

    def test_a_reader_that_has_gone_does_not_stop_the_run(self) -> None:
        display = Plain(_Closed())
        display.note("one")
        display.stage("two")
        display.evaluated(1, 0.1, 0.1, SCORES)

    def test_terminal_controls_in_data_are_taken_out(self) -> None:
        out = io.StringIO()
        Plain(out).note("train: 3 rows (\x1b[2Jbad\u202e 3, [red]x[/red] 1)")

        assert "  train: 3 rows ([2Jbad 3, [red]x[/red] 1)\n" == out.getvalue()

    def test_warnings_are_kept(self) -> None:
        display = Plain(io.StringIO())
        display.warn("pin it")

        assert ["pin it"] == display.warnings


class TestLive:
    def test_a_long_note_ends_its_lines_between_words(self) -> None:
        with terminal(40) as screen, Live(screen.stream) as display:
            display.note("train: 600 rows (NEGATIVE 311, POSITIVE 289)")
            told = screen.lines()

        assert ["  train: 600 rows (NEGATIVE 311,", "    POSITIVE 289)"] == told

    def test_rows_and_progress_share_a_terminal(self) -> None:
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as terminal, Live(terminal) as display:
            display.stage("training")
            display.progress("training", 1, 10, "steps")
            display.evaluated(1, 0.1, 0.2, {"f1[red]": 0.5})
            display.progress("training", 10, 10, "steps")
            display.note("done")
        shown = ""
        while "done" not in shown:
            shown += os.read(ours, 65536).decode()
        os.close(ours)

        assert "0.200000" in shown
        assert "training: 1 of 10 steps" in shown

    def test_a_dumb_terminal_gets_plain_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as terminal:
            kind = type(open_display(terminal))
        os.close(ours)

        assert Plain is kind
