"""Terminals that are narrow, dumb, of another encoding, or gone: a run shows less, and goes on (number 103)."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import time
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from clsfw.store.rundir import read_run

COMMAND = (sys.executable, "-m", "clsfw")


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Give what a child's environment holds."""
    names = ("COLUMNS", "NO_COLOR", "PYTHONIOENCODING", "LANG", "LC_ALL", "TERM")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {
        **kept,
        "PYTHONPATH": str(tmp_path / "site"),
        "CLSFW_PLUGINS": "toys,csv,macro-metrics",
        "TERM": "xterm",
    }


class Terminal:
    """A child on a terminal of its own; `text` is what it wrote there."""

    def __init__(self, arguments, cwd, environment, columns=80):
        self.text = ""
        pid, self._screen = pty.fork()
        if pid == 0:
            os.chdir(cwd)
            os.execve(sys.executable, arguments, environment)
        self.pid = pid
        ioctl(self._screen, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read(self, until=None, seconds=300):
        """Read to the end, or until a text was seen."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and (until is None or until not in self.text):
            if not select.select([self._screen], [], [], 0.1)[0]:
                continue
            try:
                found = os.read(self._screen, 65536)
            except OSError:  # the child closed its side
                return self
            if not found:
                return self
            self.text += found.decode("utf-8", "replace")
        return self

    def close(self):
        """Take the terminal away, as a closed window does."""
        os.close(self._screen)

    def wait(self):
        """Give the exit code, or minus the signal."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def on_terminal(toy, tmp_path, environment):
    def start(*more, columns=80, **variables):
        arguments = [*COMMAND, "run", str(toy()), "--out", "run", *more]
        return Terminal(arguments, tmp_path, {**environment, **variables}, columns)

    return start


@pytest.mark.parametrize(
    ("columns", "variables"),
    [
        (40, {"NO_COLOR": "1"}),
        pytest.param(1, {"TERM": "xterm-256color"}, marks=pytest.mark.thorough),
        pytest.param(80, {"TERM": "dumb", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}, marks=pytest.mark.thorough),
    ],
    ids=["narrow-without-color", "one-column", "dumb-and-ascii"],
)
def test_103_a_run_on_an_odd_terminal(columns, variables, on_terminal, tmp_path):
    terminal = on_terminal(columns=columns, **variables).read()

    assert 0 == terminal.wait(), terminal.text
    assert "Traceback" not in terminal.text
    assert "complete" == read_run(tmp_path / "run")["state"]
    assert "accuracy" in terminal.text
    if "TERM" in variables and variables["TERM"] == "dumb":
        assert "\x1b" not in terminal.text
    if "NO_COLOR" in variables:
        assert not re.search("\x1b\\[[0-9;]*3[0-9]m", terminal.text)


@pytest.mark.thorough
def test_103_a_terminal_that_goes_away_stops_the_run_so_that_it_can_go_on(on_terminal, tmp_path):
    terminal = on_terminal("--set", "trainer.steps=100000").read(until=" training")
    wait_for_history(tmp_path / "run")
    terminal.close()

    assert 128 + signal.SIGHUP == terminal.wait()
    assert "interrupted" == read_run(tmp_path / "run", allow_incomplete=True)["state"]
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))


@pytest.mark.thorough
def test_103_a_run_under_nohup_outlives_its_terminal(on_terminal, tmp_path, toy, environment):
    arguments = [*COMMAND, "run", str(toy()), "--out", "run", "--set", "trainer.steps=60"]
    ignored = (
        f"import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv({sys.executable!r}, {arguments})"
    )
    terminal = Terminal([sys.executable, "-c", ignored, *arguments], tmp_path, environment).read(until=" training")
    terminal.close()

    assert 0 == terminal.wait()
    assert "complete" == read_run(tmp_path / "run")["state"]


def wait_for_history(run, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (run / "checkpoints" / "step-2").exists():
        time.sleep(0.01)


@pytest.mark.thorough
def test_103_a_reader_that_stops_early_does_not_stop_the_run(toy, tmp_path, environment):
    shell = f"set -o pipefail; {' '.join(COMMAND)} run {toy()} --out run | head -1"

    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "complete" == read_run(tmp_path / "run")["state"]


@pytest.mark.parametrize(
    "closed",
    [pytest.param(">&-", marks=pytest.mark.thorough), pytest.param("2>&-", marks=pytest.mark.thorough), "<&- >&- 2>&-"],
)
def test_103_a_stream_that_is_closed_from_the_start(closed, toy, tmp_path, environment):
    shell = f"{' '.join(COMMAND)} run {toy()} --out run {closed}"

    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert "complete" == read_run(tmp_path / "run")["state"]


def test_103_a_full_output_device_does_not_stop_the_run(toy, tmp_path, environment):
    shell = f"{' '.join(COMMAND)} run {toy()} --out run > /dev/full"

    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (6, "clsfw: error: cannot write to standard output: no space left on device\n") == (
        done.returncode,
        done.stderr,
    )
    assert "complete" == read_run(tmp_path / "run")["state"]


def test_103_an_error_where_nobody_listens(tmp_path, environment):
    shell = f"{' '.join(COMMAND)} run nope.toml >&- 2>&-"

    assert 2 == subprocess.run(["bash", "-c", shell], cwd=tmp_path, env=environment, check=False).returncode
