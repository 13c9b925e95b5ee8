"""Joins a cluster, or starts one here, quietly; and sees that its nodes have the same Ray, Python and clsfw."""

from __future__ import annotations

import logging
import os
import platform
import random
import re
import signal
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import clsfw
from clsfw import HostError, Resources
from clsfw_executors.local import processors
from clsfw_ray.answering import require_answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOOK, _AGAIN = 60.0, 0.5
"""Seconds within which a cluster must be joined, and every node must have said what it runs; and between two tries."""

_STORE = 128 * 2**20
"""Bytes of the object store of a Ray that is started here; what goes through it is small. Ray asks for 75 MiB."""

_VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # or what happens to nodes is printed on our standard output
    # Three attempts of so many seconds to reach a Ray Client server, where it takes 35 seconds otherwise.
    "RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "3",
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "3",
}


def connect(address: str | None) -> bool:
    """Join the cluster at an address, or that of RAY_ADDRESS, or start one here; return False if that was done before.

    Raises:
        HostError: nobody answers there, or the cluster has another Ray, Python or clsfw.

    """
    where = f"ray://{address}" if address is not None else os.environ.get("RAY_ADDRESS") or "local"
    if where not in {"local", "auto"}:
        require_answer(where)
    with _quietly():
        import ray

        if ray.is_initialized():
            return False
        _join(where)
    try:
        _require_same_versions(where)
    except BaseException:
        leave()
        raise
    return True


def _join(where: str) -> None:
    """Join the cluster, again and again where it has just lost a node and gives half an answer, or start one here."""
    import ray

    own = {"num_cpus": processors(), "object_store_memory": _STORE, "include_dashboard": False}
    options: dict[str, Any] = own if where == "local" else {}
    limit = time.monotonic() + _LOOK
    while True:
        try:
            ray.init(where, **options, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as exc:
            ray.shutdown()
            lasting = isinstance(exc, (ValueError, ray.exceptions.AuthenticationError)) or len(_versions(exc)) > 1
            if lasting or where == "local" or where.startswith("ray://") or time.monotonic() > limit:
                raise HostError(_told(where, exc)) from exc
        else:
            return
        time.sleep(_AGAIN)
        if where != "auto":
            require_answer(where)  # one that has ended by now is told at once


def leave() -> None:
    """Leave the cluster; one that was started here ends."""
    import ray

    with _quietly():
        ray.shutdown()


def hosts() -> list[Resources]:
    """Return what the nodes have that can do anything at all, the one that this process is on first."""
    found = []
    own = platform.node()
    for node in sorted(_nodes(), key=lambda node: (node["NodeManagerHostname"] != own, node["NodeID"])):
        has = node["Resources"]
        memory = has.get("memory")
        cpus = int(has.get("CPU", 0))
        if cpus:
            found.append(Resources(cpus, None if memory is None else int(memory), int(has.get("GPU", 0))))
    if not found:
        raise HostError("the Ray cluster has no node with a processor to work on")
    return found


def _nodes() -> list[Mapping[str, Any]]:
    import ray

    nodes: Any = ray
    return [node for node in nodes.nodes() if node["Alive"]]


def _told(where: str, exc: Exception) -> str:
    """Say in one message why there is no connection."""
    text = str(exc)
    versions = _versions(exc)
    if len(versions) > 1:
        (ray, python), (own_ray, own_python) = versions[:2]
        return (
            f"the Ray cluster at {where} runs Ray {ray} and Python {python}, and this is Ray {own_ray} and Python "
            f"{own_python}; they must be the same"
        )
    what = "Ray cannot be started here" if where == "local" else f"the Ray cluster at {where} cannot be joined"
    hint = "; its Ray Client server listens at port 10001 unless that was changed" if where.startswith("ray://") else ""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{what}: {type(exc).__name__}: {first}{hint}"


def _versions(exc: Exception) -> list[tuple[str, str]]:
    """Return the cluster's versions of Ray and Python and this host's, where they differ."""
    return re.findall(r"Ray: (\S+)\s+Python: (\S+)", str(exc))


def _require_same_versions(where: str) -> None:
    """See that each node has this Python and this clsfw."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def look() -> tuple[str, str, str | None]:  # within a function: it travels as it is, and needs no clsfw there
        import importlib.metadata
        import platform

        try:
            version = importlib.metadata.version("clsfw")
        except importlib.metadata.PackageNotFoundError:
            version = None
        return platform.node(), platform.python_version(), version

    remote: Any = ray.remote(num_cpus=0, max_retries=0)(look)
    told: dict[str, tuple[str, str, str | None]] = {}
    limit = time.monotonic() + _LOOK
    # A node that joins now may be listed before it can be used, and one that was lost for a while after that.
    while missing := {node["NodeID"]: node["NodeManagerHostname"] for node in _nodes() if node["NodeID"] not in told}:
        fixed = [NodeAffinitySchedulingStrategy(name, soft=False) for name in missing]
        asked = [remote.options(scheduling_strategy=node).remote() for node in fixed]
        for (name, host), answer in zip(missing.items(), asked, strict=True):
            try:
                with _quietly():
                    told[name] = ray.get(answer, timeout=_LOOK)
            except Exception as exc:
                if time.monotonic() > limit:
                    what = f"{type(exc).__name__}: {next(iter(str(exc).splitlines()), '')}"
                    raise HostError(
                        f"node {host!r} of the Ray cluster at {where} does not work: {what}; see what is in the logs "
                        "of Ray's folder there, and whether the disk of that folder is full"
                    ) from exc
                time.sleep(_AGAIN)
    own = (platform.python_version(), clsfw.__version__)
    for host, python, version in told.values():
        if version is None:
            raise HostError(f"clsfw is not installed on node {host!r} of the Ray cluster; install clsfw {own[1]} there")
        if (python, version) != own:
            raise HostError(
                f"node {host!r} of the Ray cluster has Python {python} and clsfw {version}, and this is Python "
                f"{own[0]} and clsfw {own[1]}; they must be the same"
            )


@contextmanager
def _quietly() -> Iterator[None]:
    """Let Ray change nothing of this process: variables, handlers of signals, warnings, random numbers."""
    numbers = random.getstate()
    before = {name: os.environ.get(name) for name in _VARIABLES}
    main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)} if main else {}
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(numbers)
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
        for number, handler in handlers.items():
            with suppress(TypeError, ValueError):  # one that Python did not set
                signal.signal(number, handler)
