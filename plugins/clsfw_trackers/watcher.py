"""The watcher in the run's process: it writes records to a spool file, which another process reads and sends.

Nothing here waits for a server, nor imports a client library, before the run has ended.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw import HostError, InterruptedRunError, Watcher
from clsfw_trackers import records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import WatchedRun

SPOOL, PROGRESS, LOG = "records.jsonl", "progress.json", "log"

_LONGEST_WAIT_AFTER_STOP = 5.0
"""Seconds: who stops a run, or the scheduler that takes the machine away, does not wait for long."""

_LOOK = 0.1  # seconds


class Tracker(Watcher):
    """Sends a run to one tracker; a failure is reported once, after the run is complete, and is in no file of it."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self._name = name
        self._settings = settings
        self._folder: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._written = 0
        self._step = 0
        self._fault: str | None = None

    def on_run_start(self, run: WatchedRun) -> None:
        """Start the sender, and give it what a continued run has logged before."""
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="clsfw-tracker-"))
            with (self._folder / LOG).open("wb") as log:
                command = (sys.executable, "-P", "-m", "clsfw_trackers.sender", str(self._folder))
                self._child = subprocess.Popen(  # noqa: S603  # this very Python
                    [*command, str(os.getpid()), str(self._settings["wait"])],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is for the run; and the whole group can be ended at once
                )
        except OSError as exc:
            self._fault = f"its sender cannot be started: {exc}"
        self._write(records.start(run, self._name, self._settings))
        for record in records.history(run.directory):
            self._step = max(self._step, record["step"])
            self._write(record)

    def on_step(self, run: WatchedRun, step: int, values: Mapping[str, float]) -> None:
        """Write a logged step."""
        self._step = step
        self._write(records.values(step, "train", values))

    def on_evaluate(self, run: WatchedRun, split: str, scores: Mapping[str, float]) -> None:
        """Write an evaluation; one at the end is at the last step, and that of validation has a name of its own."""
        scores = dict(scores)
        step = scores.pop("step", None)
        group = "final_validation" if step is None and split == "validation" else split
        self._step = self._step if step is None else int(step)
        self._write(records.values(self._step, group, scores))

    def on_run_end(self, run: WatchedRun, error: BaseException | None) -> None:
        """Wait until all is sent, but not longer than the recipe says.

        Raises:
            HostError: something was not sent. Of a run that did not end well this is only a note: its own error counts.

        """
        stopped = isinstance(error, (InterruptedRunError, KeyboardInterrupt))
        self._write(records.end(run.directory, "complete" if error is None else "interrupted" if stopped else "failed"))
        wait = float(self._settings["wait"])
        wait = wait if error is None else min(wait, _LONGEST_WAIT_AFTER_STOP)
        try:
            in_time = self._waited(run, wait)
            progress = self._progress()
        finally:
            self._stop()
        problem = self._problem(progress, "" if in_time else f"stopped after {wait:g} seconds")
        if problem is None:
            run.reporter.note(f"{self._name}: {progress['where']}")
        elif error is None:
            raise HostError(problem)
        else:
            run.reporter.note(f"{self._name}: {problem}")

    def _problem(self, progress: Mapping[str, Any], late: str) -> str | None:
        """Return what was not sent, why, and what sends it later; None where all was sent."""
        sent = int(progress.get("sent", 0))
        if self._fault is None and 0 < self._written <= sent:
            return None
        what = f"{self._written - sent:,} of {self._written:,} records were not sent" if sent else "nothing was sent"
        if "kept" in progress:  # how much of it arrived is not known
            what = f"not all was sent, {progress['kept']} sends it"
        return f"{what}: {self._fault or progress.get('error') or late or 'its sender ended by itself'}"

    def _write(self, record: Mapping[str, Any]) -> None:
        """Add a record to the spool; what cannot be written is reported at the end."""
        if self._folder is None or self._fault is not None:
            return
        try:
            with (self._folder / SPOOL).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record) + "\n")
            self._written += 1
        except OSError as exc:
            self._fault = f"the records cannot be written: {exc}"

    def _waited(self, run: WatchedRun, wait: float) -> bool:
        """Wait for the sender's end, and return whether it came."""
        until = time.monotonic() + wait
        while self._child is not None and self._child.poll() is None:
            left = until - time.monotonic()
            if left <= 0:
                return False
            sent = int(self._progress().get("sent", 0))
            run.reporter.progress(f"sending to {self._name}", sent, self._written, "records")
            time.sleep(min(_LOOK, left))
        return True

    def _progress(self) -> dict[str, Any]:
        """Return what the sender says of itself; empty where it said nothing yet."""
        with suppress(OSError, ValueError):
            if self._folder is not None:
                found: dict[str, Any] = json.loads((self._folder / PROGRESS).read_text(encoding="utf-8"))
                return found
        return {}

    def _stop(self) -> None:
        """End the sender with all that it started, and remove what was written for it."""
        if self._child is not None:
            with suppress(ProcessLookupError, PermissionError):  # nothing of the group is left
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
