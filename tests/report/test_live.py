"""What a run shows while it goes on, on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import re
from typing import TYPE_CHECKING

import pytest
from support.terminals import terminal

from clsfw.errors import InterruptedRunError
from clsfw.report.live import PLAIN_SECONDS, Live, Plain, open_display
from clsfw.report.terminal import Screen

if TYPE_CHECKING:
    from support.terminals import Terminal

SCORES = {"precision": 0.5, "recall": 0.25, "f1": 1 / 3, "accuracy": 0.875}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a clock that the test moves."""
    clock = [100.0]
    monkeypatch.setattr("clsfw.report.live.time.monotonic", lambda: clock[0])
    return clock


def shown(screen: Terminal) -> list[str]:
    """Give the lines written to a terminal without what moves its cursor or styles them."""
    told = "\n".join(screen.lines())
    return re.sub("\x1b\\[[0-9;?]*[A-Za-z]|\x1b\\]8;[^\x1b]*\x1b\\\\", "", told).split("\n")


class _Closed(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


class TestPlain:
    def test_the_table_has_the_columns_of_the_notebook(self) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        display.evaluated(20, 0.69, 0.68, SCORES)

        head, row = out.getvalue().splitlines()
        assert "Step Training Loss Validation Loss Precision Recall F1 Accuracy" == " ".join(head.split())
        assert ["20", "0.690000", "0.680000", "0.500000", "0.250000", "0.333333", "0.875000"] == row.split()

    def test_the_head_of_the_table_is_printed_once(self) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        display.evaluated(20, 0.69, 0.68, SCORES)
        display.evaluated(40, None, None, SCORES)

        assert 3 == len(out.getvalue().splitlines())

    def test_the_table_of_the_notebook_fits_80_columns(self) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        display.evaluated(250_000, 0.69, 10.25, SCORES)

        assert {79} == {len(line) for line in out.getvalue().splitlines()}

    def test_progress_is_a_line_every_half_minute(self, now: list[float]) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        for step in range(0, 70, 10):
            display.progress("training", step, 100, "steps")
            now[0] += 10.0

        assert [
            "  training: 30 of 100 steps, 1.0/s, 1:10 left",
            "  training: 60 of 100 steps, 1.0/s, 0:40 left",
        ] == (out.getvalue().splitlines())

    def test_an_evaluation_counts_as_a_line(self, now: list[float]) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        display.progress("training", 1, 100, "steps")
        now[0] += PLAIN_SECONDS - 1
        display.evaluated(2, 0.1, 0.1, SCORES)
        now[0] += 2
        display.progress("training", 3, 100, "steps")

        assert 2 == len(out.getvalue().splitlines())

    def test_a_second_series_of_one_name_has_its_own_rate(self, now: list[float]) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        for first in (0.0, 1_000.0):
            now[0] += first
            for done in (10, 20):
                display.progress("predicting", done, 20, "texts")
                now[0] += PLAIN_SECONDS
        display.progress("predicting", 20, 20, "texts")
        now[0] += PLAIN_SECONDS
        display.progress("predicting", 20, 20, "texts")

        assert [] == [line for line in out.getvalue().splitlines() if "s/text" in line and "3.0" not in line]

    def test_a_series_with_another_total_is_another_series(self, now: list[float]) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        display.progress("predicting", 1, 1, "texts")
        display.progress("predicting", 10, 256, "texts")
        now[0] += PLAIN_SECONDS
        display.progress("predicting", 26, 256, "texts")

        assert out.getvalue().startswith("  predicting: 26 of 256 texts")

    def test_training_goes_on_after_a_prediction_amid_it(self, now: list[float]) -> None:
        out = io.StringIO()
        display = Plain(Screen(out))
        display.progress("training", 0, 100, "steps")
        now[0] += 10
        display.progress("predicting", 1, 2, "texts")
        display.progress("predicting", 2, 2, "texts")
        now[0] += 30
        display.progress("training", 40, 100, "steps")

        assert ["  training: 40 of 100 steps, 1.0/s, 1:00 left"] == out.getvalue().splitlines()

    def test_a_reader_that_has_gone_does_not_stop_the_run(self) -> None:
        display = Plain(Screen(_Closed()))
        display.note("one")
        display.stage("two")
        display.evaluated(1, 0.1, 0.1, SCORES)

    def test_terminal_controls_in_data_are_taken_out(self) -> None:
        out = io.StringIO()
        Plain(Screen(out)).note("train: 3 rows (\x1b[2Jbad\u202e 3, [red]x[/red] 1)")

        assert "  train: 3 rows ([2Jbad 3, [red]x[/red] 1)\n" == out.getvalue()

    def test_warnings_are_kept(self) -> None:
        display = Plain(Screen(io.StringIO()))
        display.warn("pin it")

        assert ["pin it"] == display.warnings


class TestLive:
    @pytest.fixture(autouse=True)
    def _smart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.delenv("FORCE_COLOR", raising=False)

    def test_a_stage_ends_as_one_line_with_its_outcome_and_its_seconds(self, now: list[float]) -> None:
        with terminal(80) as screen:
            with Live(Screen(screen.stream)) as display:
                display.stage("reading the data")
                display.note("600 train, 2 classes")
                now[0] += 2.5
            (line,) = [line for line in shown(screen) if "2.5 s" in line]

        assert line.startswith("✓ reading the data    600 train, 2 classes  ")
        assert 80 >= len(line)

    @pytest.mark.parametrize(("error", "mark"), [(InterruptedRunError("x", 2), "■"), (OSError("x"), "✗")])
    def test_a_stage_that_did_not_end_well_says_so(self, error: Exception, mark: str) -> None:
        with terminal(80) as screen:
            display = Live(Screen(screen.stream))
            display.stage("training")
            display.__exit__(type(error), error, None)
            told = shown(screen)

        assert any(f"{mark} training" in line for line in told)

    def test_rows_and_progress_share_a_terminal(self) -> None:
        with terminal(80) as screen:
            with Live(Screen(screen.stream)) as display:
                display.stage("training")
                display.progress("training", 1, 10, "steps")
                display.evaluated(1, 0.1, 0.2, {"f1[red]": 0.5})
                display.progress("training", 10, 10, "steps")
                display.note("done")
            told = "\n".join(shown(screen))

        assert "0.2000" in told
        assert "1 of 10 steps" in told
        assert "f1[red]" in told
        assert "✓ training            10 steps" in told

    def test_rows_of_before_are_dim(self) -> None:
        with terminal(80) as screen:
            with Live(Screen(screen.stream)) as display:
                display.evaluated(1, 0.1, 0.2, {"f1": 0.5}, earlier=True)
            told = screen.lines()

        assert "\x1b[2m" == told[1][:4]

    @pytest.mark.parametrize("columns", [40, 80])
    def test_no_row_is_wider_than_the_terminal(self, columns: int) -> None:
        with terminal(columns) as screen:
            with Live(Screen(screen.stream)) as display:
                display.evaluated(100_000, 0.1, 0.2, SCORES)
            told = shown(screen)

        assert [] == [line for line in told if len(line) > columns]

    def test_a_dumb_terminal_gets_plain_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "w") as terminal:
            kind = type(open_display(terminal))
        os.close(ours)

        assert Plain is kind
