"""Which texts make which step, and how many tokens are computed at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

# Tokens computed at a time. A few thousand rows keep the CPU's matrix products near their best while their results
# still fit its caches; a GPU wants as many as it can get. But where texts are padded, smaller parts are padded less:
# a quarter of that is faster on a CPU, and an estimate of where a large GPU is still busy.
_CPU_TOKENS = 4096
_CPU_PADDED_TOKENS = 1024
_CUDA_TOKENS = 65536
_CUDA_PADDED_TOKENS = 16384


def token_budget(asked: int | None, device: torch.device, *, packed: bool) -> int:
    """Return how many tokens are computed at a time, where the user has not said it."""
    if asked is not None:
        return asked
    if device.type == "cpu":
        return _CPU_TOKENS if packed else _CPU_PADDED_TOKENS
    return _CUDA_TOKENS if packed else _CUDA_PADDED_TOKENS


def epoch_order(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of an epoch, counted from 0: the very one of Hugging Face's `Trainer`."""
    generator = torch.Generator().manual_seed(seed + epoch)
    return torch.randperm(rows, generator=generator).numpy()


def step_rows(rows: int, seed: int, per_step: int, first: int) -> Iterator[NDArray[np.int64]]:
    """Return the rows of each step from step `first` (counted from 0) on, without end.

    `per_step` is batch size times accumulation; the last step of an epoch takes what is left.
    """
    per_epoch = -(-rows // per_step)
    step = first
    while True:
        order = epoch_order(rows, seed, step // per_epoch)
        for start in range(step % per_epoch * per_step, rows, per_step):
            yield order[start : start + per_step]
            step += 1
