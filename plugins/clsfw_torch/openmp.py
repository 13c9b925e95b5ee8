"""How torch's threads wait for each other: a setting that is read once, when torch is imported."""

from __future__ import annotations

import os

_SPINS = "10000"


def let_waiting_threads_sleep() -> None:
    """Let threads that wait for each other spin for some microseconds only, then sleep; a user's own choice is kept.

    On a busy machine a spinning thread holds up the very one it waits for (a training took 96 s instead of 4); never to
    spin costs a quarter on an idle one. It is for the `build` of a trainer, before that imports torch: GNU OpenMP reads
    it when it is loaded. Where it is loaded already, only libraries and processes that come later are reached.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
