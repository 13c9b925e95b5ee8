"""A Ray cluster of several nodes on this machine, each as small as Ray allows."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray.cluster_utils import Cluster

NODES = 3
ABOUT = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": 80 * 2**20, "include_dashboard": False}


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
