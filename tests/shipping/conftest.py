"""A hub that takes pushes, and a process that pushes to it with the real client."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support.push_hub import TOKEN, PushHub

PROGRAM = """
import contextlib, io, json, os, sys, time
time.sleep = lambda seconds: None  # the hub's library waits before it tries again
from huggingface_hub import constants
from clsfw.cli import main
from clsfw.shipping import hub

for line in sys.stdin:
    asked = json.loads(line)
    os.environ["HF_TOKEN"] = asked["token"]
    constants.HF_HUB_OFFLINE = asked["offline"]
    constants.ENDPOINT = asked["endpoint"]
    hub.SILENCE = asked["silence"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(asked["arguments"])
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


class Pushing:
    """A process that runs commands; kept, because its start takes seconds."""

    def __init__(self, hub, home):
        self.hub, self.home = hub, home
        self.environment = {
            **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_ENDPOINT": hub.server.base,
            "HF_HUB_DISABLE_XET": "1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments, token=TOKEN, offline=False, endpoint=None, silence=120.0):
        asked = {"arguments": [*map(str, arguments)], "token": token, "offline": offline, "silence": silence}
        asked["endpoint"] = endpoint or self.hub.server.base
        print(json.dumps(asked), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def end(self):
        self.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def hub():
    made = PushHub()
    made.server.start()
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def push(hub, tmp_path_factory):
    made = Pushing(hub, tmp_path_factory.mktemp("home"))
    yield made
    made.end()


@pytest.fixture
def faults(hub):
    """Give the faults of the hub, which end with the test."""
    yield hub.faults
    hub.faults.clear()
