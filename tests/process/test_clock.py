"""Each moment of a run counts for one name."""

from __future__ import annotations

import time

import pytest

from clsfw.process.clock import Clock


@pytest.fixture
def passes(monkeypatch):
    """Give a function that lets so many seconds pass."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def passes(seconds):
        now[0] += seconds

    return passes


def test_what_is_in_no_block_counts_for_the_phase(passes):
    clock = Clock("start_seconds")
    passes(1)
    clock.phase("data_seconds")
    passes(2)
    with clock.timed("watch_seconds"):
        passes(4)
    passes(8)

    assert {"start_seconds": 1, "data_seconds": 10, "watch_seconds": 4, "total_seconds": 15} == clock.read()


def test_a_phase_may_come_again(passes):
    clock = Clock("a")
    for name in ("b", "a", "b"):
        passes(1)
        clock.phase(name)

    passes(4)

    assert {"a": 2, "b": 5, "total_seconds": 7} == clock.read()


def test_seconds_of_an_earlier_process_are_added(passes):
    clock = Clock("start_seconds")
    passes(1)
    clock.add({"start_seconds": 5.0, "train_seconds": 7.0, "total_seconds": 20.0})
    passes(1)

    assert {"start_seconds": 7, "train_seconds": 7, "total_seconds": 22} == clock.read()


def test_a_block_that_fails_counts_too(passes):
    clock = Clock()

    def fail():
        with clock.timed("train_seconds"):
            passes(3)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    passes(9)

    assert {"train_seconds": 3, "total_seconds": 12} == clock.read()
