from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clsfw.errors import LockedError
from clsfw.kit.lock import is_locked, locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import pathlib, sys, time
from clsfw.kit.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a process of its own that holds the lock of `tmp_path`."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_it(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with (
        pytest.raises(
            LockedError,
            match=rf"{tmp_path} is in use by process {holder.pid} on host '{platform.node()}' since 20\d\d-\d\d-\d\dT",
        ) as error,
        locked(tmp_path),
    ):
        pass

    assert error.value.exit_code == 7


def test_a_killed_holder_leaves_it_free(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(LockedError, match=str(os.getpid())), locked(tmp_path):
        pass


def test_it_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path):
            pass


def test_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / "lock").write_text("")

        with pytest.raises(LockedError, match="in use by another process; wait for it"), locked(tmp_path):
            pass


def test_whether_somebody_is_at_work_is_known_at_once(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    assert is_locked(tmp_path)

    holder.kill()
    holder.wait()

    assert not is_locked(tmp_path)
    assert not is_locked(tmp_path / "absent")
