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
            found.shutdown()


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
