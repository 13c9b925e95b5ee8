"""The executor: connects when it is first asked, and leaves the cluster when its pool is left."""

from __future__ import annotations

import pickle
import weakref
from typing import TYPE_CHECKING, Any

from clsfw import HostError, Resources
from clsfw_ray import cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from clsfw_ray.pool import RayPool


class RayExecutor:
    """The hosts of a Ray cluster; `address` is that of its Ray Client server, None as `RaySettings` says."""

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._leave: Callable[[], Any] | None = None

    def hosts(self) -> list[Resources]:
        """Return what each node has, as Ray counts it.

        Raises:
            HostError: the cluster does not answer, or has another Ray, Python or clsfw.

        """
        self._connect()
        return cluster.hosts()

    def open(
        self, make: Callable[[Callable[[Any], None]], Callable[[Any], Any]], workers: int, each: Resources
    ) -> RayPool:
        """Return a pool.

        Raises:
            HostError: as for `hosts`, or no node has what a worker needs.

        """
        self._connect()
        found = cluster.hosts()
        if not any(_fits(each, host) for host in found):
            most = max(host.cpus for host in found)
            memory = f", {each.memory_bytes:,} bytes of memory" if each.memory_bytes else ""
            raise HostError(
                f"a worker needs {each.cpus} processors{memory} and {each.gpus} GPUs, and no node of the Ray cluster "
                f"has that; the largest of {len(found)} has {most} processors"
            )
        from clsfw_ray.pool import RayPool  # only here: it imports Ray, which takes a second

        return RayPool(pickle.dumps(make), workers, each, self._left)

    def _connect(self) -> None:
        if cluster.connect(self._address):
            # At the end of the pool; where none is opened, when nobody holds this executor any more.
            self._leave = weakref.finalize(self, cluster.leave)

    def _left(self) -> None:
        """Leave the cluster, and end it if it was started here; not where the program had joined it by itself."""
        if self._leave is not None:
            self._leave()


def _fits(each: Resources, host: Resources) -> bool:
    enough = host.memory_bytes is None or (each.memory_bytes or 0) <= host.memory_bytes
    return each.cpus <= host.cpus and each.gpus <= host.gpus and enough
