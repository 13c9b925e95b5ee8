"""Memory that torch frees on the CPU, and that the next operation asks for again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 31 << 20
"""Bytes: a little less than the largest block, 32 MiB, that glibc learns from."""


def keep_freed_memory() -> None:
    """Let the process keep up to 64 MiB of freed memory, instead of giving it back and asking for it again.

    The results of a layer are freed a moment before the next layer needs as much. glibc gives freed memory back from
    twice the largest block on that it saw freed, so a block is freed here that is larger than those results; its pages
    are never touched. Pages that come back from the system must be cleared and mapped one by one, which took a fifth
    of the time of predictions in bf16. Other allocators, and a glibc that environment variables have tuned, stay as
    they are.
    """
    torch.empty(_LARGEST, dtype=torch.uint8)


_RESERVED, _PIECE = 4 << 30, 16 << 20
"""Bytes of addresses, not of memory: more than a part of a step takes, in blocks that go into glibc's heap."""
_END = 1 << 17
"""Bytes of the block behind them: 64 KiB or more, as glibc looks for memory to return when such a block is freed."""


@contextlib.contextmanager
def all_freed_memory_kept() -> Iterator[None]:
    """Let the process keep what it frees while the block runs, as each part of a step needs the same memory again.

    glibc returns what is free at the end of its heap to the system. So room is taken there and freed again, with a
    block behind it that stays: now the end is not free. The room is never touched, so it takes no memory before
    somebody uses it.
    """
    keep_freed_memory()  # without it blocks of this size are mapped one by one, outside the heap
    end = None
    with contextlib.suppress(RuntimeError):  # the addresses are limited: then memory is given back as before
        room = [torch.empty(_PIECE, dtype=torch.uint8) for _ in range(_RESERVED // _PIECE)]
        end = torch.empty(_END, dtype=torch.uint8)
        del room
    yield
    del end
