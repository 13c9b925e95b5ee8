"""Keeps standard output for what a verb itself prints; whatever else prints there, prints to standard error."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything that is printed inside the block to standard error, below Python's level too.

    Plugins may print while they are imported, and so may the C libraries and the children that they start; none of it
    may get into the JSON that a script reads.
    """
    sys.stdout.flush()
    kept_object, sys.stdout = sys.stdout, sys.stderr
    try:
        kept = os.dup(1)
    except OSError:  # standard output is closed, as under some schedulers
        kept = None
    try:
        if kept is not None:
            os.dup2(2, 1)
        yield
    finally:
        sys.stdout = kept_object
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)
