"""A Ray cluster of several nodes on this machine, each as small as Ray allows."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ray.cluster_utils import Cluster
    from support.hosts import Host

NODES = 3
ABOUT = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20, "include_dashboard": False}
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
"""What lets a host into a cluster of several."""


@contextlib.contextmanager
def started(nodes: int, **more: Any) -> Iterator[Cluster]:
    """Start a cluster of nodes with one processor each, and end every process of it."""
    import ray
    from ray.cluster_utils import Cluster

    about = {**ABOUT, **more}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        found = Cluster(initialize_head=True, head_node_args=about)
        try:
            for _ in range(nodes - 1):
                found.add_node(**about)
            yield found
        finally:
            ray.shutdown()  # an error that is kept may hold the executor, and with it the connection
            found.shutdown()


def started_on(hosts: Sequence[Host], folder: Path) -> Mapping[str, str]:
    """Start a node on each host, the head on the first one, and give the variables that lead a command there.

    The nodes end with the hosts.
    """
    address = f"{hosts[0].address}:6379"
    about = ["--num-cpus", "1", "--object-store-memory", f"{ABOUT['object_store_memory']}", "--disable-usage-stats"]
    for number, host in enumerate(hosts):
        place = ["--address", address] if number else ["--head", "--port", "6379", "--include-dashboard", "false"]
        line = ["-m", "ray.scripts.scripts", "start", *place, "--node-ip-address", host.address, *about]
        process = host.start([sys.executable, *line], TOKEN, folder)
        said = process.communicate(timeout=200)[0]
        assert process.returncode == 0, said
    return {"RAY_ADDRESS": address, **TOKEN}


def lose_a_node(cluster: Cluster) -> None:
    """End a node amid its work: not the head, and not the one that this process is on, which may be any of them."""
    import ray

    own: Any = ray._private.worker.global_worker.node
    others = [
        node for node in cluster.worker_nodes if own is None or node._raylet_socket_name != own._raylet_socket_name
    ]
    cluster.remove_node(others[0], allow_graceful=False)


@pytest.fixture(scope="module")
def _nodes() -> Iterator[Cluster]:
    """Start one cluster for all tests of a file: it takes ten seconds."""
    with started(NODES) as found:
        yield found


@pytest.fixture
def cluster(_nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Give a cluster of three nodes, the first of which is the head; RAY_ADDRESS is its own."""
    while len(_nodes.worker_nodes) < NODES - 1:  # a test removed some
        _nodes.add_node(**ABOUT)
    monkeypatch.setenv("RAY_ADDRESS", _nodes.address)
    return _nodes
