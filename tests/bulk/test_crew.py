"""Workers of an executor leave the bytes that this process leaves, and what is lost is made again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.crews import AtRow, workers
from support.many_files import WORDS, contents, parts, write_rows
from support.ray_cluster import ABOUT, lose_a_node

from clsfw import DataError, HostError, UsageError
from clsfw.bulk.crew import Crew


@pytest.fixture
def label_by(baseline, tmp_path, monkeypatch):
    """Give a function that labels by workers, who are in `tmp_path`."""
    from clsfw.bulk.predict_folder import predict_folder
    from clsfw.bulk.task import Asked

    monkeypatch.chdir(tmp_path)

    def call(source, target, crew, reporter, **options):
        asked = Asked(str(baseline.directory), str(source), str(target), **{"part_bytes": 1024, **options})
        return predict_folder(asked, reporter, crew)

    return call


@pytest.fixture
def fill_the_disk(three, label, label_by, tmp_path, reporter):
    """Give a function that labels onto a small file system of its own, which takes the right to mount one."""

    def call(crew, message):
        folder, _ = three("jsonl")
        write_rows(folder / "d.jsonl", [{"text": f"good film {i}"} for i in range(9000)])
        label(folder, tmp_path / "here", part_bytes=100_000)
        (tmp_path / "out").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", "out"], check=True)
        try:
            with pytest.raises(HostError, match=message):
                label_by(folder, "out", crew, reporter, part_bytes=100_000)
            subprocess.run(["mount", "-o", "remount,size=20m", "out"], check=True)
            label_by(folder, "out", crew, reporter, part_bytes=100_000)
            assert contents(tmp_path / "here") == contents(tmp_path / "out")
        finally:
            subprocess.run(["umount", "out"], check=True)

    return call


class TestLocal:
    def test_a_worker_that_is_killed_ends_in_a_message_and_the_same_command_goes_on(
        self, three, label, label_by, tmp_path, reporter
    ):
        folder, _ = three("jsonl")
        label(folder, tmp_path / "here")

        def kill():
            for pid in workers(tmp_path):
                os.kill(pid, signal.SIGKILL)

        with pytest.raises(
            HostError, match=r"part-0000\d\d\.jsonl: its worker was ended by signal 9.*same command goes"
        ):
            label_by(folder, "out", Crew("local", 2), AtRow(20, kill))
        assert [] == workers(tmp_path)
        assert not Path("out/_clsfw/manifest.json").exists()
        label_by(folder, "out", Crew("local", 2), reporter)

        assert contents(tmp_path / "here") == contents(tmp_path / "out")
        assert [] == workers(tmp_path)

    def test_an_error_of_a_worker_is_the_one_of_this_process(self, three, label_by, tmp_path, reporter):
        folder, _ = three("jsonl")
        with (folder / "c.jsonl").open("a") as file:
            file.write("broken\n")

        with pytest.raises(DataError, match=r"in/c\.jsonl:61: not JSON"):
            label_by(folder, "out", Crew("local", 1), reporter)

    def test_an_unknown_executor(self, three, label_by, reporter):
        folder, _ = three("jsonl")

        with pytest.raises(UsageError, match="there is no executor 'rey'; did you mean 'ray'"):
            label_by(folder, "out", Crew("rey"), reporter)

    @pytest.mark.slow
    def test_a_full_disk(self, fill_the_disk):
        fill_the_disk(Crew("local", 2), r"cannot write .*out/.*: the disk is full")


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings are not ours
class TestRay:
    def test_the_parts_are_those_of_this_process(self, cluster, three, label, label_by, tmp_path, reporter):
        folder, rows = three("parquet")
        label(folder, tmp_path / "here", part_bytes=300)

        done = label_by(folder, "out", Crew("ray"), reporter, part_bytes=300)

        assert len(rows) == done.rows
        assert contents(tmp_path / "here") == contents(tmp_path / "out")

    @pytest.mark.slow
    def test_a_worker_and_a_node_are_lost_and_nothing_is_missing(
        self, cluster, three, label, label_by, tmp_path, monkeypatch
    ):
        folder, rows = three("parquet")
        label(folder, tmp_path / "here", part_bytes=300)
        lost = []

        def lose():
            lost.append(workers(tmp_path)[0])
            os.kill(lost[0], signal.SIGKILL)
            lose_a_node(cluster)

        done = label_by(folder, "out", Crew("ray"), AtRow(20, lose), part_bytes=300)

        assert 1 == len(lost)
        assert len(rows) == done.rows
        assert contents(tmp_path / "here") == contents(tmp_path / "out")

    @pytest.mark.slow
    def test_a_full_disk(self, cluster, fill_the_disk):
        fill_the_disk(Crew("ray"), r"on host \S+: cannot write .*out/.*: the disk is full")

    @pytest.mark.slow
    def test_thirty_random_kills(self, cluster, baseline, label, tmp_path):
        """Workers, nodes and the command itself, at random times; the command is given again until it is through."""
        kills, rounds = 0, 0
        rng = random.Random(20)
        (tmp_path / "in").mkdir()
        for file in range(3):
            rows = [{"id": i, "text": " ".join(rng.choices(WORDS, k=rng.randint(5, 30)))} for i in range(20_000)]
            write_rows(tmp_path / f"in/{file}.jsonl", rows)
        label(tmp_path / "in", tmp_path / "here", part_bytes=50_000)
        command = [sys.executable, "-m", "clsfw", "predict", str(baseline.directory), "--file", str(tmp_path / "in")]
        command += ["--on", "ray", "--part-size", str(50_000 / 2**20)]
        told = []
        while kills < 30:
            rounds += 1
            kills, messages = until_whole([*command, "--output", f"out-{rounds}/"], cluster, tmp_path, rng, kills)
            told += messages
            (tmp_path / "kills").write_text(json.dumps([kills, rounds, told]))
            there = contents(tmp_path / f"out-{rounds}")
            for found in (there, here := contents(tmp_path / "here")):
                found.pop("_clsfw/lock", None)  # of a command that was killed
            assert here == there
        print(json.dumps({"kills": kills, "rounds": rounds, "messages": told}, indent=1))  # for who runs it
        assert all(message.startswith("clsfw: error: ") for message in told)


def until_whole(command, cluster, folder, rng, kills):
    """Give a command until it succeeds, and kill something after every few parts; give the kills and its messages."""
    out = folder / command[-1]
    messages = []
    while True:
        with (folder / "said").open("w+") as said:
            process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
            killed = False
            aim = len(parts(out)) + rng.randint(1, 6)
            while process.poll() is None:
                time.sleep(rng.uniform(0.01, 0.2))
                if len(parts(out)) < aim:
                    continue
                killed = kill_one(rng.choice(["worker", "worker", "node", "driver"]), process, cluster, folder, rng)
                kills += 1
                aim = len(parts(out)) + rng.randint(1, 6)
            if process.returncode == 0:
                return kills, messages
            if not killed:
                said.seek(0)
                messages.append(said.read().strip().rpartition("\n")[2])


def kill_one(kind, process, cluster, folder, rng):
    """Kill a worker, a node or the command; give whether it was the command."""
    if kind == "node":
        cluster.remove_node(rng.choice(sorted(cluster.worker_nodes, key=str)), allow_graceful=False)
        cluster.add_node(**ABOUT)
    elif kind == "worker" and (found := workers(folder)):
        os.kill(rng.choice(found), signal.SIGKILL)
    else:
        process.kill()
        process.wait()
        return True
    return False
