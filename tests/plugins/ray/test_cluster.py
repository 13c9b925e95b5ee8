"""Workers on a cluster of three nodes: the contract, other versions, and what is lost and begun again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import time
from collections import Counter
from pathlib import Path

import pytest
from support.contract import broken
from support.ray_cluster import lose_a_node, started

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.pools import find_executor, opened
from clsfw.testing import checks
from clsfw.testing.executor_checks import Piece, Work

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own warnings are not ours


def actor_of(pid):
    """Return the process of the actor beside a worker; once that has ended, its parent is another one."""
    parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    if not Path(f"/proc/{parent}/cmdline").read_text().startswith("ray::Seat"):
        raise ProcessLookupError
    return int(parent)


@pytest.mark.slow
def test_it_keeps_the_contract(cluster):
    assert [] == broken(checks("ray"))


@pytest.mark.thorough
def test_what_was_lost_is_done_elsewhere(cluster):
    """A worker is killed and a node removed, each amid a piece; every piece is done, and told once."""
    executor = find_executor("ray", discover())
    hosts = executor.hosts()
    ended, killed = {}, []
    with opened(executor, Work(), 3, clsfw.Resources(1)) as pool:
        for number in range(6):
            pool.begin(number, Piece(number, seconds=3.0 if number < 3 else 0.0))
        while len(ended) < 6:
            for event in pool.wait(60):
                if event.kind == "said":
                    if not killed:
                        killed.append(event.number)
                        os.kill(event.content["pid"], signal.SIGKILL)
                        lose_a_node(cluster)
                else:
                    assert event.number not in ended
                    ended[event.number] = (event.kind, event.content)

    assert [1, 1, 1] == [host.cpus for host in hosts]
    assert {number: ("done", 2 * number) for number in range(6)} == {
        number: (kind, content["value"] if kind == "done" else content) for number, (kind, content) in ended.items()
    }


@pytest.mark.slow
def test_a_piece_that_kills_its_workers_is_given_up(cluster):
    with opened(find_executor("ray", discover()), Work(), 1, clsfw.Resources(1)) as pool:
        pool.begin(0, Piece(0, seconds=60.0))
        events = []
        while not events:
            for event in pool.wait(60):
                if event.kind == "said":
                    os.kill(event.content["pid"], signal.SIGKILL)
                else:
                    events.append(event)

    assert ("lost", True) == (events[0].kind, "was ended by signal 9" in events[0].content)
    assert "(as were 2 others with the same piece)" in events[0].content


@pytest.mark.thorough
def test_too_much_is_asked_for(cluster):
    with (
        pytest.raises(clsfw.HostError, match=r"needs 8 processors and 0 GPUs, and no node .* has that"),
        opened(find_executor("ray", discover()), Work(), 1, clsfw.Resources(8)),
    ):
        pass


@pytest.mark.slow
def test_a_node_with_another_clsfw_is_named(tmp_path, monkeypatch):
    """A node finds the metadata of another version first."""
    info = tmp_path / "clsfw-9.9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clsfw\nVersion: 9.9.9\n")
    with started(1, env_vars={"PYTHONPATH": str(tmp_path)}) as found:
        monkeypatch.setenv("RAY_ADDRESS", found.address)
        with pytest.raises(clsfw.HostError, match=r"has Python \S+ and clsfw 9\.9\.9, and this is Python"):
            find_executor("ray", discover()).hosts()


@pytest.mark.slow
def test_work_is_sent_from_outside_the_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    with started(1, ray_client_server_port=port):
        while True:  # its server begins to listen later than the node
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            time.sleep(0.2)
        executor = find_executor(f"ray://127.0.0.1:{port}", discover())
        with opened(executor, Work(), 1, clsfw.Resources(1)) as pool:
            for number in range(3):
                pool.begin(number, Piece(number))
            done = {}
            while len(done) < 3:
                done |= {e.number: e.content["value"] for e in pool.wait(60) if e.kind == "done"}

    assert {0: 0, 1: 2, 2: 4} == done


@pytest.mark.slow
def test_nothing_is_lost_by_thirty_random_kills(cluster):
    """Workers, their actors and two of three nodes go, at random moments; every piece is done, and ends once."""
    moments = random.Random(20)
    pieces, kills, at, ended, hits = 60, 0, {}, {}, Counter()
    with opened(find_executor("ray", discover()), Work(), 3, clsfw.Resources(1)) as pool:
        for number in range(pieces):
            pool.begin(number, Piece(number, seconds=moments.uniform(0.2, 1.5)))
        while len(ended) < pieces:
            for event in pool.wait(0.3):
                if event.kind == "said":
                    at[event.number] = event.content["pid"]
                else:
                    assert event.number not in ended
                    at.pop(event.number, None)
                    ended[event.number] = (event.kind, event.content)
            open_to_it = [number for number in sorted(at) if hits[number] < 2]  # a third time, it would be given up
            if kills < 30 and open_to_it and moments.random() < 0.7:
                kills += 1
                if kills not in {10, 20}:
                    hit = moments.choice(open_to_it)
                    hits[hit] += 1
                    pid = at.pop(hit)
                    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                        os.kill(pid if kills % 2 else actor_of(pid), signal.SIGKILL)
                else:
                    lose_a_node(cluster)

    assert 30 == kills
    assert {number: 2 * number for number in range(pieces)} == {
        number: content["value"] if kind == "done" else content for number, (kind, content) in ended.items()
    }
