"""A Ray cluster of several nodes on this machine, each as small as Ray allows."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray.cluster_utils import Cluster

NODES = 3
STORE = 80 * 2**20


@contextlib.contextmanager
def started(nodes: int, **more: Any) -> Iterator[Cluster]:
    """Start a cluster of nodes with one processor each, and end every process of it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    about = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": STORE, "include_dashboard": False, **more}
    found = Cluster(initialize_head=True, head_node_args=about)
    try:
        for _ in range(nodes - 1):
            found.add_node(**about)
        yield found
    finally:
        found.shutdown()
        del os.environ["RAY_USAGE_STATS_ENABLED"]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Give a cluster of three nodes, the first of which is the head; RAY_ADDRESS is its own."""
    with started(NODES) as found:
        monkeypatch.setenv("RAY_ADDRESS", found.address)
        yield found
