"""Memory that runs out is known behind whatever a library made of it."""

from __future__ import annotations

import errno

import pytest

from clsfw.kit import memory


class OtherError(RuntimeError):
    """As torch.OutOfMemoryError, which is a RuntimeError."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libx.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000000 bytes"),
        OtherError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_it_is_known_by_itself_and_as_the_cause_of_another_error(error: Exception) -> None:
    assert memory.out_of_memory(error)
    later = ValueError("no such model")
    later.__cause__ = error
    assert memory.out_of_memory(later)


@pytest.mark.parametrize(
    "error", [ValueError("out of memory"), OSError(errno.ENOENT, "x"), ImportError("no module x"), KeyError("x")]
)
def test_other_errors_are_not_it(error: Exception) -> None:
    assert not memory.out_of_memory(error)


def test_an_error_in_its_own_right_while_another_was_handled_is_not_it() -> None:
    error = ValueError("x")
    error.__context__, error.__suppress_context__ = MemoryError(), True
    assert not memory.out_of_memory(error)


def test_a_system_error_counts_under_a_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    error = SystemError("returned NULL without setting an exception")
    monkeypatch.setattr(memory, "_limit", lambda: None)
    assert not memory.out_of_memory(error)
    monkeypatch.setattr(memory, "_limit", lambda: 2**30)
    assert memory.out_of_memory(error)
    assert "raise the limit of 1,024 MiB on this process (ulimit -v)" in memory.advice()
