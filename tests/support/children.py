"""Work in a child process that a test may kill."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def in_child(job: Callable[[], object]) -> int:
    """Run a job in a forked child and give the number of the signal that ended it; 0 for none, -1 for an exception."""
    pid = os.fork()
    if pid == 0:
        try:
            job()
        except BaseException:  # noqa: BLE001  # nothing may get back into the parent's tests
            os._exit(1)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
