"""Knows an error that only means that memory ran out, whatever a library made of it."""

from __future__ import annotations

import errno
import sys

_WORDS = (
    "out of memory",  # torch, on a GPU
    "can't allocate memory",  # torch, on a CPU
    "cannot allocate memory",  # the system, in other libraries' errors
    "not enough memory",
    "failed to map segment from shared object",  # the loader of shared libraries
    "can't start new thread",  # its stack found no place
    "bad_alloc",  # C++
    "cublas_status_alloc_failed",
    "os error 12",  # Rust
)


def out_of_memory(exc: BaseException) -> bool:
    """Return whether an error, or one that led to it, comes from memory that ran out or a limit on it (`ulimit -v`)."""
    seen: BaseException | None = exc
    while seen is not None:
        if _is_that(seen):
            return True
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return False


def advice() -> str:
    """Say that memory ran out, and what helps."""
    most = _limit()
    raised = "" if most is None else f", raise the limit of {most // 2**20:,} MiB on this process (ulimit -v)"
    return f"out of memory; end other programs{raised}, or read less data at a time ([data] rows)"


def _limit() -> int | None:
    """Return the most bytes of address space that this process may take, or None where nothing limits them."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _is_that(exc: BaseException) -> bool:
    if isinstance(exc, MemoryError) or (isinstance(exc, OSError) and exc.errno == errno.ENOMEM):
        return True
    if isinstance(exc, SystemError):  # what C code without memory for its own error ends with
        return _limit() is not None
    return isinstance(exc, (OSError, ImportError, RuntimeError)) and any(words in str(exc).lower() for words in _WORDS)
