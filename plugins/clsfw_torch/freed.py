"""Memory that torch frees on the CPU, and that the next operation asks for again."""

from __future__ import annotations

import torch

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
