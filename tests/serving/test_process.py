"""`clsfw serve` as a process of its own."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

import clsfw
from clsfw.cli import main
from clsfw.evidence.finished import FinishedRun
from clsfw.serving.answering import Answering

WITHOUT_TORCH = """
import sys

class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"{name} is not to be imported here", name=name)

sys.meta_path.insert(0, Refuses())
from clsfw.cli import main
sys.exit(main(sys.argv[1:]))
"""
SLOW = """
import os, sys, time
from clsfw.inference.classifier import LoadedClassifier

real = LoadedClassifier.predict

def slow(self, texts, reporter=None):
    while any("slow" in text for text in texts) and not os.path.exists("go"):
        time.sleep(0.01)
    return real(self, texts, reporter)

LoadedClassifier.predict = slow
from clsfw.cli import main
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def process(run, *, script="import sys; from clsfw.cli import main; sys.exit(main(sys.argv[1:]))", token=""):
    """Give the process and a client of it; it is killed if it does not end by itself."""
    command = [sys.executable, "-c", script, "serve", str(run), "--port", "0"]
    environment = {**os.environ, "CLSFW_SERVE_TOKEN": token}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        line = child.stderr.readline()
        address = re.search(r"at (http://127\.0\.0\.1:\d+);", line)
        assert address, line + child.stderr.read()
        with httpx.Client(base_url=address[1], trust_env=False, timeout=60) as client:
            yield child, client
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_it_answer_what_it_accepted_and_end(word_run, number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the process waits for a file before it answers
    with process(word_run, script=SLOW) as (child, client):
        answers = []
        asking = [
            threading.Thread(
                target=lambda text=text: answers.append(
                    httpx.post(f"{client.base_url}/predict", json={"inputs": text}, trust_env=False, timeout=60)
                )
            )
            for text in ("slow", "slow and fine")
        ]
        for one in asking:
            one.start()
        limit = time.monotonic() + 60
        while "clsfw_waiting_texts 2.0" not in client.get("/metrics").text:
            assert time.monotonic() < limit
            time.sleep(0.02)
        client.close()
        child.send_signal(number)
        (tmp_path / "go").touch()
        for one in asking:
            one.join(60)
        _, err = child.communicate(timeout=60)

    assert [200, 200] == [answer.status_code for answer in answers]
    assert (0, "") == (child.returncode, err)


def test_no_text_is_logged(word_run):
    with process(word_run) as (child, client):
        client.post("/predict", json={"inputs": "a secret film"})
        client.post("/predict", json={"inputs": ["a secret film"], "secret": 1})
        client.post("/predict?text=secret", content=b"secret")
        client.get("/secret")
        child.terminate()
        out, err = child.communicate(timeout=60)

    assert "secret" not in out + err


def test_an_artifact_is_served_without_torch(artifact, small_run):
    texts = ["fine", "dull film", "the " * 100 + "superb", "lovely music and a great plot"]
    with process(artifact, script=WITHOUT_TORCH) as (_, client):
        answers = client.post("/predict", json={"inputs": texts}).json()
        info = client.get("/info").json()
        cut = client.post("/predict", json={"inputs": texts, "truncate": False})
        whole = client.post("/predict", json={"inputs": texts[0], "truncate": False})

    expected = clsfw.load(small_run)(texts)
    for one, other in zip(expected, answers, strict=True):
        assert one["label"] == other[0]["label"]
        for score in other:
            assert one["scores"][score["label"]] == pytest.approx(score["score"], abs=1e-3)
    assert ("onnx", "ACCEPTED") == (info["artifact"]["exporter"]["use"], info["artifact"]["verdict"])
    assert FinishedRun.read(artifact).record["manifest"] == info["model_sha"]
    assert (413, "inputs: text 2 is longer than the model reads") == (cut.status_code, cut.json()["error"])
    assert 200 == whole.status_code


def test_a_model_that_knows_no_words_has_no_explanations(artifact):
    with process(artifact) as (_, client):
        assert 404 == client.post("/explain", json={"inputs": "fine"}).status_code
        assert client.get("/info").json()["explains"] is False


def test_all_rows_from_many_clients_get_the_answers_of_predict(word_run, tmp_path):
    with (word_run.parent / "data.csv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    expected = clsfw.load(word_run)(texts)
    answers = [None] * len(texts)
    with process(word_run) as (_, client):

        def ask(first):
            with httpx.Client(base_url=client.base_url, trust_env=False, timeout=60) as own:
                for i in range(first, len(texts), 16):
                    answers[i] = own.post("/predict", json={"inputs": texts[i]}).json()[0]

        asking = [threading.Thread(target=ask, args=(first,)) for first in range(16)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()

    assert [one["label"] for one in expected] == [classes[0]["label"] for classes in answers]
    for one, classes in zip(expected, answers, strict=True):
        for score in classes:
            assert one["scores"][score["label"]] == pytest.approx(score["score"], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--host", "0.0.0.0"), 2, "other machines reach 0.0.0.0, so set a bearer token in CLSFW_SERVE_TOKEN"),
        (("--port", "70000"), 2, "70000 is not a port from 0 to 65535"),
        (("--port", "-1"), 2, "-1 is not a port from 0 to 65535"),
    ],
)
def test_what_cannot_be_served_is_told(word_run, capsys, monkeypatch, arguments, code, words):
    monkeypatch.delenv("CLSFW_SERVE_TOKEN", raising=False)

    assert code == main(["serve", str(word_run), *arguments])
    assert words in capsys.readouterr().err


def test_a_run_of_pairs_is_told(words):
    pairs = replace(words)
    vars(pairs)["rows"] = replace(words.rows, text_pair_column="other")

    with pytest.raises(clsfw.UsageError, match="is of pairs of texts, which the server does not take"):
        Answering(pairs)


def test_what_is_not_a_run_is_told(tmp_path, capsys):
    assert 6 == main(["serve", str(tmp_path), "--port", "0"])
    assert str(tmp_path) in capsys.readouterr().err


def test_without_the_library_it_says_what_to_install(word_run, tmp_path):
    script = WITHOUT_TORCH.replace('("torch", "transformers")', '("uvicorn",)')
    done = subprocess.run(
        [sys.executable, "-c", script, "serve", str(word_run)], capture_output=True, text=True, check=False
    )

    assert 6 == done.returncode
    assert [
        'clsfw: error: serve needs uvicorn, which is not installed: pip install "clsfw[serve]"'
    ] == done.stderr.splitlines()
