"""A cache that is killed while it fills, filled by two at once, or met by a clock that was set back."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from forks import hashes
from support.children import in_child
from support.http_server import LocalServer, file_answer
from support.model_hub import ModelHub, Repository
from support.operations import operations_of
from support.reporting import Remembering

from clsfw.testing.faults import faults, kill
from clsfw_csv.download import download
from clsfw_torch import kept as module
from clsfw_torch.kept import KEPT_ENTRIES, kept

# Python 3.12 warns of a fork where other tests left threads; the children here use none of those.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

KINDS = {"ids": np.int64, "cut": np.bool_}
CHUNKS = 20


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def chunks(pause=0.0):
    for number in range(CHUNKS):
        time.sleep(pause)
        yield {"ids": np.arange(number, number + 50), "cut": np.arange(50) % 2 == 0}


def kept_again(make=chunks):
    """Give the arrays of the one entry, made or found."""
    return kept("tokens", "a" * 64, KINDS, make, Remembering())


def is_right(arrays):
    whole = {name: np.concatenate([chunk[name] for chunk in chunks()]) for name in KINDS}
    return all(np.array_equal(whole[name], arrays[name]) for name in KINDS)


def killed_after(seconds, job):
    """Kill a child that does a job, after so long; say whether it was still at work."""
    pid = os.fork()
    if pid == 0:
        try:
            job()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL


class TestKept:
    def test_a_kill_at_any_file_operation_costs_the_work_alone(self, cache, tmp_path, monkeypatch):
        operations = range(1, operations_of(kept_again) + 1)

        assert len(operations) > 5
        for at in operations:
            monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / str(at)))

            def job(at=at):
                with faults(kill(at)):
                    kept_again()

            assert signal.SIGKILL == in_child(job)
            assert is_right(kept_again()), f"operation {at}"
            assert is_right(kept_again(make=None)), f"operation {at}: it is not kept"

    @pytest.mark.parametrize("count", [5, pytest.param(200, marks=pytest.mark.slow)])
    def test_kills_at_random_moments_cost_the_work_alone(self, count, tmp_path, monkeypatch):
        moments, killed = random.Random(3), 0
        while killed < count:
            monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / str(killed)))
            killed += killed_after(moments.uniform(0, 0.2), lambda: kept_again(lambda: chunks(pause=0.01)))

            assert is_right(kept_again()), f"kill {killed}"

    def test_two_at_once_make_it_once(self, tmp_path):
        def make():
            with (tmp_path / "made").open("a") as file:
                file.write("x")
            while not (tmp_path / "waits").exists():
                time.sleep(0.01)
            yield from chunks()

        class Telling(Remembering):
            def note(self, text):
                assert text == "another process is making tokens; waiting for it"
                (tmp_path / "waits").touch()

        def second():
            while not (tmp_path / "made").exists():
                time.sleep(0.01)
            assert is_right(kept("tokens", "a" * 64, KINDS, make, Telling()))

        pids = []
        for job in (lambda: is_right(kept_again(make)), second):
            pids.append(os.fork())
            if pids[-1] == 0:
                try:
                    job()
                except BaseException:  # noqa: BLE001  # nothing may get back into the tests
                    os._exit(1)
                os._exit(0)

        assert [0, 0] == [os.waitpid(pid, 0)[1] for pid in pids]
        assert "x" == (tmp_path / "made").read_text()

    def test_after_the_clock_was_set_back_the_entry_just_made_stays(self, cache):
        for number in range(KEPT_ENTRIES + 3):
            entry = cache / "tokens" / f"{number:064}"
            entry.mkdir(parents=True)
            os.utime(entry, times=(4e9, 4e9))
        kept_again()

        assert is_right(kept_again(make=None))
        assert KEPT_ENTRIES == len(list((cache / "tokens").iterdir()))

    def test_the_least_recently_used_go_first(self, cache, monkeypatch):
        monkeypatch.setattr(module, "KEPT_ENTRIES", 3)
        for number in range(4):
            entry = cache / "tokens" / f"{number:064}"
            entry.mkdir(parents=True)
            os.utime(entry, times=(1e9 - number, 1e9 - number))
        kept_again()

        assert {f"{0:064}", f"{1:064}", "a" * 64} == {entry.name for entry in (cache / "tokens").iterdir()}

    def test_what_another_process_removes_first_does_no_harm(self, cache, monkeypatch):
        real = shutil.rmtree

        def later(path, **how):
            real(path)
            real(path, **how)

        monkeypatch.setattr(module.shutil, "rmtree", later)
        monkeypatch.setattr(module, "KEPT_ENTRIES", 2)
        for number in range(3):
            (cache / "tokens" / f"{number:064}").mkdir(parents=True)

        assert is_right(kept_again())


class TestDownload:
    @pytest.fixture
    def url(self):
        server = LocalServer()
        server.start()
        yield server.script("/r.csv", file_answer(b"text,label\n" * 5000, ETag='"v1"'))
        server.stop()

    def test_a_kill_at_any_file_operation_loses_nothing(self, url, tmp_path, monkeypatch):
        def fetch():
            return download(url, None, 1_000_000, Remembering())

        operations = range(1, operations_of(fetch) + 1)
        assert len(operations) >= 4
        for at in operations:
            monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / str(at)))

            def job(at=at):
                with faults(kill(at)):
                    fetch()

            assert signal.SIGKILL == in_child(job)
            assert b"text,label\n" * 5000 == fetch()[0].read_bytes(), f"operation {at}"

    @pytest.mark.parametrize("count", [5, pytest.param(200, marks=pytest.mark.slow)])
    def test_kills_at_random_moments_lose_nothing(self, count, url, tmp_path, monkeypatch):
        moments, killed = random.Random(4), 0
        while killed < count:
            monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / str(killed)))
            killed += killed_after(moments.uniform(0, 0.05), lambda: download(url, None, 1_000_000, Remembering()))

            assert b"text,label\n" * 5000 == download(url, None, 1_000_000, Remembering())[0].read_bytes()


HUB = """
import json, os, random, shutil, signal, sys, time
from pathlib import Path
from clsfw_hf_datasets import HfDatasetSettings
from clsfw_hf_datasets.source import HfDatasetSource
from support.reporting import Remembering

settings = HfDatasetSettings.model_validate({"path": "me/films"}, context={"base_of": lambda _: "/recipes"})


def load():
    data = HfDatasetSource(settings).load(Remembering())
    return {split: len(part) for split, part in data.items()}


def begin(job):
    pid = os.fork()
    if pid == 0:
        try:
            code = 0 if job() == {"train": 60, "test": 2} else 1
        except BaseException as exc:
            print(repr(exc), file=sys.stderr, flush=True)
            code = 2
        os._exit(code)
    return pid


def end(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def forget():
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


ends = [end(begin(load))]  # imports what is imported late
began = time.monotonic()
forget()
ends.append(end(begin(load)))
length = time.monotonic() - began
moments, killed = random.Random(8), 0
while killed < int(sys.argv[1]):
    forget()
    pid = begin(load)
    time.sleep(moments.uniform(0, length))
    os.kill(pid, signal.SIGKILL)
    killed += end(pid) == -signal.SIGKILL
    ends.append(end(begin(load)))
for _ in range(2):
    forget()
    ends += [end(pid) for pid in [begin(load), begin(load)]]
print(json.dumps(ends))
"""


@pytest.mark.parametrize(
    "count", [pytest.param(4, marks=pytest.mark.thorough), pytest.param(100, marks=pytest.mark.slow)]
)
def test_a_data_set_of_the_hub_survives_kills_and_two_at_once(count, tmp_path):
    hub = ModelHub()
    row = b'{"text": "film %d", "label": "%s"}\n'
    train = b"".join(row % (n, b"pn"[n % 2 : n % 2 + 1]) for n in range(60))
    hub.repositories["me/films"] = Repository({"train.jsonl": train, "test.jsonl": row % (1, b"p") + row % (2, b"n")})
    hub.server.start()
    gone = {"HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
    environment = {name: value for name, value in os.environ.items() if name not in gone}
    environment |= {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.server.base}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", HUB, str(count)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    hub.server.stop()

    assert 0 == done.returncode, done.stderr
    assert {0} == set(json.loads(done.stdout)), done.stderr


@pytest.mark.thorough
def test_two_runs_fill_one_cache_and_both_end_as_one_alone(gpu_forks, tmp_path):
    lives = [gpu_forks.start(tmp_path / name, fault={"kind": "linger", "seconds": 0.002}) for name in ("a", "b")]

    assert [0, 0] == [life.wait() for life in lives], [life.told() for life in lives]
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b") == hashes(gpu_forks.folder / "first" / "run")
