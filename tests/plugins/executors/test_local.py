"""Workers on this machine: an error is the error, a process that ends is told by how it did."""

from __future__ import annotations

import os
import pickle
import signal
from functools import partial

import pytest

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.errors import InterruptedRunError, Place, Problem
from clsfw.pools import find_executor, opened
from clsfw.testing.executor_checks import Piece, Work
from clsfw_executors.process import portable


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (clsfw.DataError("a row is empty"), clsfw.DataError, 3),
        (InterruptedRunError("stopped", 15), InterruptedRunError, 143),
        (clsfw.RecipeError([Problem(Place("r.toml", 3), "is wrong")]), clsfw.RecipeError, 2),
        (type("Own", (clsfw.HostError,), {})("no room"), clsfw.HostError, 6),
        (ZeroDivisionError("by zero"), RuntimeError, None),
    ],
)
def test_an_error_of_a_worker_is_that_error(error, kind, code):
    found = pickle.loads(pickle.dumps(portable(error)))

    assert (kind, True, code) == (type(found), str(error) in str(found), getattr(found, "exit_code", None))


def test_a_recipe_error_keeps_its_problems():
    problems = [Problem(Place("r.toml", 3), "is wrong"), Problem(Place("r.toml", 4), "is, too")]

    assert tuple(problems) == pickle.loads(pickle.dumps(clsfw.RecipeError(problems))).problems


def test_a_process_that_is_killed_loses_its_piece_alone():
    ended = {}
    with opened(find_executor("local", discover()), Work(), 1, clsfw.Resources(1)) as pool:
        pool.begin(0, Piece(1, seconds=60.0))
        pool.begin(1, Piece(2))
        while len(ended) < 2:
            for event in pool.wait(60):
                if event.kind != "said":
                    ended[event.number] = (event.kind, event.content)
                elif event.number == 0:
                    os.kill(event.content["pid"], signal.SIGKILL)

    assert ("lost", "was ended by signal 9 (memory that runs out ends it so)") == ended[0]
    assert ("done", 4) == (ended[1][0], ended[1][1]["value"])


def test_work_that_cannot_be_made_fails_with_its_error():
    with opened(find_executor("local", discover()), partial(int, "seven"), 1, clsfw.Resources(1)) as pool:
        pool.begin(7, None)
        (event,) = pool.wait(60)

    assert ("failed", 7) == (event.kind, event.number)
    assert str(event.content).startswith("TypeError: ")
