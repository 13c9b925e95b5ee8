"""The simulation of lost nodes agrees with what can be calculated."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(root / "tests" / "bench")
    return import_module("block_size")


@pytest.fixture
def case(bench: Any) -> Any:
    return bench.Case(texts=10_000, nodes=1, rate=10, loss_hours=0.5, back_seconds=60, block_seconds=2, spread=0)


@pytest.mark.parametrize("block", [1_000, 5_000, 10_000])
def test_the_time_of_one_node_is_that_of_the_closed_form(bench: Any, case: Any, block: int) -> None:
    times = [bench.simulate(case, block, seed).seconds for seed in range(2000)]

    expected = bench.expected_seconds(case, block) * case.texts / block
    error = statistics.stdev(times) / math.sqrt(len(times))
    assert abs(statistics.fmean(times) - expected) < 3 * error


@pytest.mark.parametrize(("nodes", "waves"), [(1, 10), (3, 4), (10, 1), (20, 1)])
def test_without_losses_blocks_are_done_wave_by_wave(bench: Any, case: Any, nodes: int, waves: int) -> None:
    outcome = bench.simulate(replace(case, nodes=nodes, loss_hours=math.inf), 1_000, seed=0)

    assert outcome == bench.Outcome(pytest.approx(waves * (2 + 100)), 0, 0.0, 1_000 / nodes)


def test_the_last_block_may_be_smaller(bench: Any, case: Any) -> None:
    outcome = bench.simulate(replace(case, loss_hours=math.inf), 3_000, seed=0)

    assert outcome.seconds == pytest.approx(4 * 2 + 1_000)


def test_nothing_is_wasted_but_blocks_that_were_lost(bench: Any, case: Any) -> None:
    outcome = bench.simulate(case, 1_000, seed=1)

    assert outcome.losses > 0
    assert outcome.seconds == pytest.approx(10 * (2 + 100) + outcome.wasted + outcome.losses * case.back_seconds)


@pytest.mark.parametrize("loss_hours", [0.5, 24, 1000])
def test_the_best_block_of_one_node_is_the_smallest_time_for_a_text(bench: Any, case: Any, loss_hours: float) -> None:
    given = replace(case, loss_hours=loss_hours)

    best = bench.best_of_one(given)

    def cost(block: float) -> float:
        return float(bench.expected_seconds(given, block) / block)

    assert cost(best) < min(cost(best * 0.9), cost(best * 1.1))
    if loss_hours == 1000:
        assert best == pytest.approx(given.rate * math.sqrt(2 * given.block_seconds / given.loss_rate), rel=0.01)


def test_the_best_size_lies_between_many_small_and_few_large_blocks(bench: Any) -> None:
    case = bench.Case(texts=1e7, nodes=10, rate=1_000, loss_hours=1)

    rows = bench.table(case, turns=3)
    low, high = bench.good(rows)

    assert rows[0]["block"] < low <= high < rows[-1]["block"]


def test_the_command_prints_a_table_and_keeps_it(bench: Any, tmp_path: Path) -> None:
    line = [sys.executable, bench.__file__, "--texts", "1e6", "--nodes", "4", "--output", str(tmp_path / "kept.json")]

    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert "within 1 % of the best: " in done.stdout
    assert '"wasted_node_hours"' in (tmp_path / "kept.json").read_text()
