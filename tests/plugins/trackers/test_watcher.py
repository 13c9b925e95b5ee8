"""The watcher in the run's process: it never waits before the end, and says once what was not sent."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clsfw import HostError
from clsfw.discovery.parts import BuiltWatcher, build_from_values
from clsfw.discovery.plugins import discover
from clsfw_trackers import MlflowSettings, _build


def watcher(name="mlflow", **settings):
    plugin, component = discover().components("watcher")[name]
    return replace(build_from_values(BuiltWatcher, plugin, component, settings), required=True)


def spooled(built):
    return [json.loads(line) for line in (built.part._folder / "records.jsonl").read_text("utf-8").splitlines()]


def test_steps_and_evaluations_become_records(open_run, hanging_server):
    built = watcher(tracking_uri=hanging_server, wait=0)
    with open_run(built) as run:
        run.log(20, {"loss": 0.5})
        run.notify("on_evaluate", split="validation", scores={"step": 20.0, "f1": 0.75})
        run.notify("on_evaluate", split="validation", scores={"f1": 0.7})
        run.notify("on_evaluate", split="test", scores={"f1": 0.8})
        found = [(record["step"], record["values"]) for record in spooled(built)[1:]]
        with pytest.raises(HostError):
            run.notify("on_run_end", error=None)

    assert [
        (20, {"train/loss": 0.5}),
        (20, {"validation/f1": 0.75}),
        (20, {"final_validation/f1": 0.7}),
        (20, {"test/f1": 0.8}),
    ] == found


def test_a_run_that_goes_on_sends_its_history_first(open_run, hanging_server):
    with open_run(watcher(tracking_uri=hanging_server, wait=0)) as run:
        run.log(20, {"loss": 0.5})
        run.notify("on_run_end", error=KeyboardInterrupt())
    built = watcher(tracking_uri=hanging_server, wait=0)
    with open_run(built) as run:
        found = [(record["step"], record["values"]) for record in spooled(built)[1:]]
        run.notify("on_run_end", error=ValueError("enough"))

    assert [(20, {"train/loss": 0.5})] == found


def test_a_server_that_never_answers_is_given_up_after_the_wait(open_run, hanging_server):
    built = watcher(tracking_uri=hanging_server, wait=0.5)
    with open_run(built) as run, pytest.raises(HostError, match=r"^nothing was sent: stopped after 0.5 seconds$"):
        run.notify("on_run_end", error=None)

    assert built.part._child.returncode == -signal.SIGKILL
    assert not built.part._folder.exists()


def test_a_sender_that_is_killed_is_told_at_the_end_only(open_run, hanging_server):
    built = watcher(tracking_uri=hanging_server)
    with open_run(built) as run:
        os.killpg(built.part._child.pid, signal.SIGKILL)
        built.part._child.wait()
        run.log(20, {"loss": 0.5})
        with pytest.raises(HostError, match=r"^nothing was sent: its sender ended by itself$"):
            run.notify("on_run_end", error=None)


def test_a_run_that_fails_gets_a_note_and_keeps_its_own_error(open_run, hanging_server):
    with open_run(watcher(tracking_uri=hanging_server, wait=0)) as run:
        run.notify("on_run_end", error=ValueError("its own"))

        assert ["mlflow: nothing was sent: stopped after 0 seconds"] == run.display.notes
        assert [] == run.warnings()


def test_a_spool_that_cannot_be_written_costs_nothing_but_the_records(open_run, hanging_server, monkeypatch):
    built = watcher(tracking_uri=hanging_server, wait=0)
    with open_run(built) as run:
        real = Path.open

        def full(path, *args, **kwargs):
            if path.name == "records.jsonl":
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, *args, **kwargs)

        monkeypatch.setattr(Path, "open", full)
        run.log(20, {"loss": 0.5})
        with pytest.raises(HostError, match=r"^nothing was sent: the records cannot be written: .*No space left"):
            run.notify("on_run_end", error=None)


def test_a_sender_that_cannot_be_started_costs_nothing(open_run, hanging_server, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with open_run(watcher(tracking_uri=hanging_server)) as run:
        run.log(20, {"loss": 0.5})
        with pytest.raises(HostError, match=r"^nothing was sent: its sender cannot be started"):
            run.notify("on_run_end", error=None)


@pytest.mark.parametrize(("name", "package"), [("mlflow", "mlflow-skinny"), ("trackio", "trackio"), ("wandb", "wandb")])
def test_a_missing_package_says_what_to_install(name, package, monkeypatch):
    monkeypatch.setattr("clsfw_trackers.find_spec", lambda _: None)
    with pytest.raises(HostError) as raised:
        watcher(name)

    assert str(raised.value) == (
        f'watcher {name!r} needs the package {package}, which is not installed: pip install "clsfw[{name}]"'
    )


def test_a_folder_with_the_name_of_a_library_is_not_the_library(tmp_path, monkeypatch):
    (tmp_path / "mlflow").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)

    with pytest.raises(HostError, match="not installed"):
        _build("mlflow", "mlflow-skinny", MlflowSettings(tracking_uri="http://127.0.0.1:5000"))


def test_mlflow_without_a_server_is_refused(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    with pytest.raises(HostError, match="set tracking_uri in its table, or the environment variable"):
        watcher("mlflow")


def test_a_password_is_refused_in_a_recipe():
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_PASSWORD"):
        MlflowSettings(tracking_uri="https://me:pass-word@host/path")


def test_a_sender_ends_when_the_process_of_its_run_was_killed(hanging_server, tmp_path):
    settings = {"tracking_uri": hanging_server, "experiment": None, "wait": 0.2}
    program = f"""
import os, signal
from pathlib import Path
from types import SimpleNamespace
from clsfw_trackers.watcher import Tracker

run = SimpleNamespace(directory=Path({str(tmp_path)!r}), name="toy", data={{}}, labels=SimpleNamespace(names=["a"]))
Tracker("mlflow", {settings!r}).on_run_start(run)
os.kill(os.getpid(), signal.SIGKILL)
"""
    spools = tmp_path / "spools"
    spools.mkdir()
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(spools)}, check=False)

    deadline = time.monotonic() + 60
    while list(spools.iterdir()):
        assert time.monotonic() < deadline, list(spools.rglob("*"))
        time.sleep(0.05)
