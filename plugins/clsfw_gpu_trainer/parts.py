"""Parts of a batch, as tensors on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from clsfw_gpu_trainer.batches import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from clsfw_gpu_trainer.device import Target
    from clsfw_gpu_trainer.tokens import Tokens


@dataclass(frozen=True)
class Part:
    """Some rows [B] of the data, and the model's keyword arguments for them."""

    rows: NDArray[np.int64]
    inputs: dict[str, Any]


def padded_parts(tokens: Tokens, rows: NDArray[np.int64], pad: int, target: Target) -> Iterator[Part]:
    """Cut rows into parts of similar length and pad each to its own longest."""
    lengths = tokens.starts[rows + 1] - tokens.starts[rows]
    for chosen in cut(lengths, target.batch_tokens):
        ids, mask = tokens.padded(rows[chosen], pad)
        inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        yield Part(rows[chosen], {name: value.to(target.device) for name, value in inputs.items()})
