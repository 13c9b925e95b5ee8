"""The sender against servers that fail, and what it says of them."""

from __future__ import annotations

import json
import os

import pytest

from clsfw_trackers.clients import _mlflow_name
from clsfw_trackers.sender import send_all, without_secrets


@pytest.fixture
def spool(tmp_path):
    """Give a function that writes a small run for a tracker, and sends it in this process."""

    def sent(tracker, **settings):
        start = {"kind": "start", "tracker": tracker, "settings": settings, "name": "toy-1234", "group": "toy"}
        start |= {"parent": str(tmp_path), "parameters": {"seed": 1}, "tags": {"clsfw.report": "report.html"}}
        step = {"kind": "values", "step": 20, "values": {"train/loss": 0.5}, "time": 1.0}
        end = {"kind": "end", "state": "complete", "tags": {"clsfw.state": "complete"}}
        lines = [json.dumps(record) + "\n" for record in (start, step, end)]
        (tmp_path / "records.jsonl").write_text("".join(lines), encoding="utf-8")
        code = send_all(tmp_path, os.getppid())
        return code, json.loads((tmp_path / "progress.json").read_text(encoding="utf-8"))

    return sent


@pytest.fixture(autouse=True)
def one_attempt(monkeypatch):
    """MLflow tries again for minutes, which the run's process cuts short; here there is nothing to cut."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def test_a_server_that_answers_500_is_named(spool, broken_server):
    code, progress = spool("mlflow", tracking_uri=broken_server, experiment=None)

    assert (1, 0) == (code, progress["sent"])
    assert "500" in progress["error"]


def test_a_server_that_refuses_is_named(spool, closed_server):
    code, progress = spool("mlflow", tracking_uri=closed_server, experiment=None)

    assert (1, 0) == (code, progress["sent"])
    assert closed_server in progress["error"]


def test_messages_hold_no_secrets(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")

    assert "no access to https://***@host/ by ***" == without_secrets(
        "\nno access to https://me:word@host/ by 0123456789abcdef\nand more"
    )


def test_names_that_mlflow_refuses_stay_apart():
    names = ["test/f1_a", "test/f1_a?", "test/f1_a!", "../x", "a//b", "test/f1_größe gut"]

    assert len(names) == len({_mlflow_name(name) for name in names})
    assert "test/f1_größe gut" == _mlflow_name(names[-1])
