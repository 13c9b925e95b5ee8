"""Pieces that are shared out: as many workers as have something to do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from clsfw.bulk import crew
from clsfw.bulk.crew import Crew, share_out
from clsfw.contract.parts import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Doing:
    """A pool that has done a piece as soon as it was begun."""

    def __init__(self) -> None:
        self._done: list[Event] = []

    def begin(self, number: int, piece: Any) -> None:
        self._done.append(Event("done", number, piece))

    def wait(self, _: float) -> list[Event]:
        done, self._done = self._done, []
        return done


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the numbers of workers that pools were opened with."""
    numbers: list[int] = []

    @contextlib.contextmanager
    def pool(_: Any, __: Callable[..., Any], workers: int, ___: Any) -> Iterator[Doing]:
        numbers.append(workers)
        yield Doing()

    monkeypatch.setattr(crew, "opened", pool)
    return numbers


@pytest.mark.parametrize(("pieces", "workers"), [(1, 1), (3, 3), (40, 4)])
def test_no_worker_is_started_that_has_nothing_to_do(pieces: int, workers: int, opened: list[int]) -> None:
    events = share_out(Crew("local", 4, 1), lambda _: lambda piece: piece, enumerate("x" * pieces))

    assert sorted(event.number for event in events) == list(range(pieces))
    assert opened == [workers]


def test_without_pieces_nobody_is_started(opened: list[int]) -> None:
    assert list(share_out(Crew("local", 4, 1), lambda _: lambda piece: piece, [])) == []
    assert opened == []
