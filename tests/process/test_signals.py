from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from clsfw.errors import InterruptedRunError
from clsfw.process.signals import StopSignals


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_becomes_a_flag(number: int) -> None:
    with StopSignals() as signals:
        assert signals.received is None
        send(number)

        assert signals.received == number


@pytest.mark.parametrize(("first", "second", "code"), [(2, 2, 130), (15, 15, 143), (2, 15, 143), (1, 1, 129)])
def test_a_second_signal_stops_at_once_with_its_own_exit_code(first: int, second: int, code: int) -> None:
    reached = False

    def work() -> None:
        nonlocal reached
        with StopSignals():
            send(first)
            time.sleep(0.15)
            send(second)
            time.sleep(5)
            reached = True

    with pytest.raises(InterruptedRunError, match="stopped at once") as error:
        work()

    assert not reached
    assert error.value.exit_code == code


def test_an_echo_of_the_first_signal_is_no_second_one() -> None:
    with StopSignals() as signals:
        send(signal.SIGINT)
        send(signal.SIGINT)
        send(signal.SIGTERM)

        assert signals.received == signal.SIGINT


def test_the_first_signal_is_told_once() -> None:
    told: list[str] = []
    with StopSignals(told.append):
        send(signal.SIGINT)
        send(signal.SIGINT)

    assert told == ["stopping at the end of this step; the same signal again stops at once"]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]

    with StopSignals():
        send(signal.SIGTERM)

    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            send(signal.SIGHUP)

            assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_keyboard_interrupt_of_others_passes() -> None:
    with pytest.raises(KeyboardInterrupt), StopSignals():
        raise KeyboardInterrupt


def test_another_thread_runs_without_handlers() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with StopSignals() as signals:
            seen.append((signals.received, signal.getsignal(signal.SIGINT) == before))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [(None, True)]
