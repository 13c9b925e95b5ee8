"""What a component must leave alone, and what it must do without."""

from __future__ import annotations

import errno
import os
import random
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def require_left_alone(who: object, work: Callable[[], object]) -> None:
    """See that work changes neither the working directory nor any global random number generator.

    It is done twice: the first time may import libraries. Before the second time the generators are set to a fresh
    state, since one that was seeded hides that it is seeded again.

    Raises:
        ContractError: the work changed one of them.

    """
    folder = os.getcwd()  # noqa: PTH109  # the text as it is, not resolved
    before = None
    try:
        work()
        before = _state()
        _scramble()
        at_start = _state()
        work()
        changed = [name for name, value in _state().items() if not _same(value, at_start.get(name))]
        if os.getcwd() != folder:  # noqa: PTH109  # as above
            changed.append("the working directory")
    finally:
        os.chdir(folder)
        if before is not None:
            _restore(before)
    if changed:
        advice = "draw from a generator of your own that starts from the seed, or fork and restore the global one"
        raise ContractError(f"{who} changes {' and '.join(changed)}; {advice}")


def _torch() -> Any:
    """Return torch if something imported it; nothing else can have used its generator."""
    return sys.modules.get("torch")


def _state() -> dict[str, Any]:
    states = {
        "the random numbers of Python's random": random.getstate(),
        "the random numbers of numpy.random": np.random.get_state(legacy=True),  # noqa: NPY002  # the global one is meant
    }
    if _torch() is not None:
        states["the random numbers of torch"] = _torch().get_rng_state().numpy().copy()
    return states


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(np.array_equal(one, other))


def _scramble() -> None:
    seed = int.from_bytes(os.urandom(4), "little")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # the global one is meant
    if _torch() is not None:
        _torch().default_generator.manual_seed(seed)


def _restore(states: dict[str, Any]) -> None:
    random.setstate(states["the random numbers of Python's random"])
    np.random.set_state(states["the random numbers of numpy.random"])  # noqa: NPY002  # the global one is meant
    if "the random numbers of torch" in states:
        _torch().set_rng_state(_torch().from_numpy(states["the random numbers of torch"]))


@contextmanager
def no_network() -> Iterator[None]:
    """Make every attempt to reach another machine, or a port of this one, fail as it does without a network."""

    def refuse(*arguments: Any, **options: Any) -> Any:  # noqa: ARG001  # whatever is asked, the answer is no
        raise OSError(errno.ENETUNREACH, "Network is unreachable (clsfw.testing blocks it)")

    names = ("connect", "connect_ex", "sendto")
    kept = {name: getattr(socket.socket, name) for name in names}
    lookup = socket.getaddrinfo
    try:
        for name in names:
            setattr(socket.socket, name, refuse)
        socket.getaddrinfo = refuse
        yield
    finally:
        for name, function in kept.items():
            setattr(socket.socket, name, function)
        socket.getaddrinfo = lookup
