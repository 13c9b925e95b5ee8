"""A study on a cluster of three nodes: the bytes of this machine, whatever was lost meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.hosts import two_hosts
from support.ray_cluster import lose_a_node, started_on
from support.studies import bytes_of

from clsfw.discovery.plugins import discover
from clsfw.studies.execute import carry_out
from clsfw.studies.plan import make_study

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own warnings are not ours

SEEDS = """
[study]
seeds = 2
"""
SEARCH = """
[study]
seeds = 2

[study.search]
use = "random"
trials = 4
metric = "f1"

[study.space]
"model.min_df" = { low = 1, high = 4 }
"""


@pytest.fixture
def plan(study, monkeypatch):
    """Give a function that plans a study of TF-IDF, which every process finds."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def make(tables: str):
        recipe = study(tables)
        text = recipe.read_text()
        toys = text[text.index("[model]") : text.index("[[metrics]]")]
        recipe.write_text(text.replace(toys, '[model]\nuse = "tfidf"\n\n[trainer]\nuse = "sklearn-fit"\n\n'))
        return make_study(recipe, [], discover())

    return make


@pytest.mark.slow
@pytest.mark.parametrize("tables", [SEEDS, SEARCH], ids=["seeds", "search"])
def test_the_bytes_are_those_of_this_machine_though_a_node_is_lost(tables, plan, cluster, tmp_path):
    study = plan(tables)
    here = bytes_of(carry_out(study, out=tmp_path / "here", jobs=2).directory)
    lost = []

    class Losing:
        """A board that removes a node with the first run."""

        def __getattr__(self, name):
            return self.told

        def told(self, *words):
            if words and words[0] in {"seed-7", "trial-0001"} and not lost:
                lost.append(words)
                lose_a_node(cluster)

    there = carry_out(study, out=tmp_path / "there", jobs=2, on="ray", board=Losing())

    assert here == bytes_of(there.directory)
    assert len(lost) == 1


@pytest.mark.slow
def test_the_command_is_killed_and_given_again(plan, cluster, tmp_path):
    study = plan(SEARCH)
    here = bytes_of(carry_out(study, out=tmp_path / "here", jobs=2).directory)
    command = [sys.executable, "-m", "clsfw", "study", str(study.document.file), "--jobs", "2", "--on", "ray"]
    command += ["--out", str(tmp_path / "there")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        limit = time.monotonic() + 120
        while not list(tmp_path.glob("there/runs/trial-*")):
            assert time.monotonic() < limit
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    subprocess.run(command, stdout=subprocess.DEVNULL, timeout=300, check=True)

    assert here == bytes_of(tmp_path / "there")


@pytest.mark.slow
@pytest.mark.parametrize("is_lost", [False, True], ids=["both-stay", "one-is-lost"])
def test_two_hosts_leave_the_bytes_of_one(is_lost, plan, tmp_path):
    """Each host has a network of its own; the second one may be shut down amid its run."""
    study = plan(SEARCH)
    here = bytes_of(carry_out(study, out=tmp_path / "here", jobs=2).directory)
    command = [Path(sys.executable).with_name("clsfw"), "study", study.document.file, "--jobs", "2", "--on", "ray"]
    with two_hosts() as hosts:
        cluster = started_on(hosts, tmp_path)
        process = hosts[0].start([*command, "--out", tmp_path / "there"], cluster, tmp_path)
        if is_lost:
            limit = time.monotonic() + 200
            while not list(tmp_path.glob("there/runs/trial-*")):
                assert process.poll() is None
                assert time.monotonic() < limit
                time.sleep(0.05)
            hosts[1].kill()
        said = process.communicate(timeout=400)[0]

    assert 0 == process.returncode, said
    assert here == bytes_of(tmp_path / "there")
