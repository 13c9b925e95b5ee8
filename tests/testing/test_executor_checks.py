"""The checks of executors find what breaks the contract."""

from __future__ import annotations

import pickle
import threading
from typing import ClassVar

import pytest

from clsfw import Component, Event, Resources, Settings
from clsfw.errors import ContractError
from clsfw.testing.executor_checks import (
    an_error_comes_back_as_itself,
    every_piece_is_done_once,
    leaves_surroundings_alone,
    no_worker_stays,
    there_are_hosts,
    what_a_worker_says_is_heard,
)
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject
from clsfw_executors.local import LocalExecutor, LocalPool


class Twice(LocalPool):
    """Tells each end twice."""

    def wait(self, timeout):
        return [event for event in super().wait(timeout) for _ in range(1 if event.kind == "said" else 2)]


class Mixed(LocalPool):
    """Gives each piece the outcome of the first one."""

    first = None

    def wait(self, timeout):
        events = list(super().wait(timeout))
        for event in events:
            if event.kind == "done":
                self.first = self.first or event.content
        return [Event(e.kind, e.number, self.first if e.kind == "done" else e.content) for e in events]


class Wordless(LocalPool):
    """Keeps what is said to itself."""

    def wait(self, timeout):
        return [event for event in super().wait(timeout) if event.kind != "said"]


class Plain(LocalPool):
    """Tells every error by its text alone."""

    def wait(self, timeout):
        events = super().wait(timeout)
        return [Event(e.kind, e.number, OSError(str(e.content))) if e.kind == "failed" else e for e in events]


class Free(LocalPool):
    """Lets each worker take four processors."""

    def __init__(self, make, workers, threads):
        super().__init__(make, workers, 4)


class Staying(LocalPool):
    """Leaves its workers to themselves."""

    left: ClassVar = []

    def __exit__(self, *exc):
        self.left.extend(self._at)


class Threaded(LocalPool):
    """Leaves a thread that waits."""

    over = threading.Event()

    def __exit__(self, *exc):
        super().__exit__(*exc)
        threading.Thread(target=self.over.wait, args=(60,)).start()


class Nowhere(LocalExecutor):
    def hosts(self):
        return []


class Absent(LocalExecutor):
    def hosts(self):
        return [Resources(0)]


def with_pool(pool):
    class Executor(LocalExecutor):
        def open(self, make, workers, each):
            return pool(pickle.dumps(make), workers, each.cpus)

    return Executor


@pytest.mark.parametrize(
    ("executor", "check", "words"),
    [
        (with_pool(Twice), every_piece_is_done_once, "ended twice, or was never begun"),
        (with_pool(Mixed), every_piece_is_done_once, "each must be done, and end once"),
        (with_pool(Free), every_piece_is_done_once, "has OMP_NUM_THREADS {'4'}, not '1'"),
        (with_pool(Plain), an_error_comes_back_as_itself, r"comes back as OSError\('row 3 is empty'\)"),
        (with_pool(Wordless), what_a_worker_says_is_heard, "ended before what its worker had said arrived"),
        (Nowhere, there_are_hosts, r"hosts gives \[\]"),
        (Absent, there_are_hosts, "with its processors"),
    ],
)
def test_what_breaks_the_contract_is_found(executor, check, words):
    component = Component(name="mine", summary="mine", settings=Settings, build=lambda _: executor())

    with pytest.raises(ContractError, match=f"executor 'mine': .*{words}"):
        Check(Subject("executor", component), check)()


def test_a_worker_that_stays_is_found_and_ended(monkeypatch):
    monkeypatch.setattr("clsfw.testing.executor_checks._GONE", 0.5)
    component = Component(name="mine", summary="mine", settings=Settings, build=lambda _: with_pool(Staying)())
    try:
        with pytest.raises(ContractError, match="a worker goes on after its pool was left"):
            Check(Subject("executor", component), no_worker_stays)()
    finally:
        for worker in Staying.left:
            worker.end()


def subject_of(executor):
    return Subject("executor", Component(name="mine", summary="mine", settings=Settings, build=lambda _: executor()))


def test_a_thread_that_stays_is_found():
    try:
        with pytest.raises(ContractError, match="a thread of it goes on"):
            Check(subject_of(with_pool(Threaded)), leaves_surroundings_alone)()
    finally:
        Threaded.over.set()


def test_a_thread_of_somebody_else_is_not_its_own():
    over = threading.Event()
    other = threading.Thread(target=over.wait, args=(60,))
    other.start()
    try:
        Check(subject_of(LocalExecutor), leaves_surroundings_alone)()
    finally:
        over.set()
        other.join()
