"""Servers on loopback that fail in every way, a real MLflow server, and runs that a tracker watches."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

import pytest

from clsfw import Labels
from clsfw.engine.run import Execution
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory


class Broken(BaseHTTPRequestHandler):
    """Answers every request with 500."""

    def do_GET(self):
        self.send_error(500)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def broken_server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def hanging_server():
    """Take connections, and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="session")
def closed_server():
    """Return the address of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory):
    """Run MLflow's own server, with its own store, in a process."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    program = f"from mlflow.server import app; app.run('127.0.0.1', {port}, threaded=True)"
    store = f"sqlite:///{folder}/store.db"
    env = {
        **os.environ,
        "_MLFLOW_SERVER_FILE_STORE": store,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": str(folder / "artifacts"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a test",
    }
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
        try:
            for _ in range(600):
                try:
                    with urlopen(f"{address}/health", timeout=5):
                        break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text(encoding="utf-8")
                    time.sleep(0.1)
            yield address
        finally:
            process.kill()
            process.wait()


class Heard(Quiet):
    """Keeps the notes."""

    def __init__(self):
        super().__init__()
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def open_run(tmp_path):
    """Give a function that opens a run directory that a watcher watches, as the engine does."""

    @contextmanager
    def opened(watcher):
        with RunDirectory.open(tmp_path / "runs" / "toy-1234") as store, StopSignals() as signals:
            run = Execution(
                name="toy",
                seed=1,
                labels=Labels(("a", "b")),
                data={},
                store=store,
                metrics=[],
                watchers=[watcher],
                display=Heard(),
                signals=signals,
            )
            run.notify("on_run_start")
            yield run

    return opened
