"""The live table of a study on screens of several widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from support.terminals import terminal

from clsfw.report.terminal import Screen
from clsfw.studies.board import Table


@pytest.mark.parametrize("columns", [40, 50, 80])
def test_the_names_of_runs_stay_whole(columns, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    with terminal(columns) as screen:
        table = Table(Screen(screen.stream))
        table.started("seed-42")
        table.finished("seed-42", "accuracy 0.9123, f1 0.9120, precision 0.9121")
        table.started("trial-0001")
        table.doing("trial-0001", "training: 120 of 480 steps")
        console = Console(file=io.StringIO(), width=columns)
        console.print(table._drawn())
        shown = console.file.getvalue().splitlines()

    assert ["run", "seed-42", "trial-0001"] == [line.split(" ")[0] for line in shown[:3]]
    assert "comp" in shown[1]
    assert "accu" in shown[1]
    assert all(len(line) <= columns for line in shown)
