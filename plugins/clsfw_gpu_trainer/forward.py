"""From texts to logits in the fastest way that this model and this device allow: packed, or padded part by part."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clsfw_gpu_trainer.batches import token_budget
from clsfw_gpu_trainer.selfcheck import differs
from clsfw_torch.dropout import RandomMasks, fast_dropout
from clsfw_torch.packed import cut, encoder, pack, packable, packed_forward, share, to_device
from clsfw_torch.recompute import recomputed
from clsfw_torch.windows import computed, in_windows, pooled, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clsfw import Reporter, TorchClassifier
    from clsfw_gpu_trainer.distributed import Team
    from clsfw_torch.target import Target
    from clsfw_torch.tokens import Tokens


@dataclass(frozen=True)
class Part:
    """Some rows [B] of the data, and the model's keyword arguments for them.

    `windows` [B] says how many windows each of them has, if any has several.
    """

    rows: NDArray[np.int64]
    inputs: dict[str, Any]
    windows: NDArray[np.int64] | None = None


class Forward:
    """A model that is ready to compute; made by `prepared`."""

    def __init__(
        self, model: TorchClassifier, target: Target, masks: RandomMasks, *, packed: bool, budget: int
    ) -> None:
        """Take what `prepared` made; `budget` is the number of tokens to compute at a time."""
        self.model = model
        self.target = target
        self.packed = packed
        self.budget = budget
        self._masks = masks
        self._windows = windows_of(model)
        self._module = encoder(model.module) if packed or self._windows is not None else model.module

    def parts(self, tokens: Tokens, rows: NDArray[np.int64], team: Team) -> Iterator[Part]:
        """Cut rows into parts that fit the budget of tokens, and give those of this process."""
        lengths = tokens.starts[rows + 1] - tokens.starts[rows]
        budget = self.budget
        if self._windows is not None:  # the windows of a text stay together, for they make one answer
            lengths = computed(lengths, self._windows, padded=not self.packed)
        if self.packed:
            shares = share(lengths, budget, team.size)
        else:
            if team.size > 1:  # few processes go without a part
                budget = min(budget, -(-int(lengths.sum()) // team.size))
            shares = cut(lengths, budget)
        for chosen in shares[team.rank :: team.size]:
            yield self._part(tokens, rows[chosen])

    def _part(self, tokens: Tokens, rows: NDArray[np.int64]) -> Part:
        read, chosen, counts = tokens, rows, None
        if self._windows is not None and (tokens.starts[rows + 1] - tokens.starts[rows]).max() > self._windows.length:
            read, counts = in_windows(tokens, rows, self._windows)
            chosen = np.arange(len(read.lengths))
        if self.packed:
            return Part(rows, pack(self._module, read, chosen, self.target.device, self._masks), counts)
        return Part(rows, self._padded(read, chosen), counts)

    def _padded(self, tokens: Tokens, rows: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        device = self.target.device
        ids, mask = tokens.padded(rows, self.model.pad_token_id)
        inputs = {"input_ids": to_device(ids, device), "attention_mask": to_device(mask, device)}
        if (types := tokens.flat_types(rows)) is not None:
            padded = np.zeros_like(ids)  # [b, L], the types of pairs
            padded[mask.astype(np.bool_)] = types
            inputs["token_type_ids"] = to_device(padded, device)
        return inputs

    def logits(self, part: Part) -> torch.Tensor:
        """Compute logits [B, C] of a part."""
        with self.target.autocast():
            logits: torch.Tensor = self._module(**part.inputs).logits  # [B, C], or [W, C] of W windows
        if part.windows is None or self._windows is None:
            return logits
        return pooled(logits, part.windows, self._windows.pool)

    def seed(self, seed: int) -> None:
        """Seed what dropout draws from."""
        torch.manual_seed(seed)
        self._masks.seed(seed)


@contextlib.contextmanager
def prepared(
    model: TorchClassifier,
    target: Target,
    reporter: Reporter,
    *,
    max_batch_tokens: int | None,
    known: bool | None = None,
    gradient_checkpointing: bool = False,
) -> Iterator[Forward]:
    """Make a model on its device ready, for as long as the block runs.

    Packed input is taken only where it gives the same as padded input on this very model and machine; `known` is what
    came out when that was asked before. `max_batch_tokens` bounds the tokens of a part; None leaves it to the device.
    """
    masks = RandomMasks()
    inner = encoder(model.module)
    cuda = target.device.type == "cuda"
    packed = packable(inner, cuda=cuda) and (not cuda or target.precision == "bf16") and known is not False
    if packed and known is None:
        difference = differs(inner, target, masks)
        if difference is not None:
            reporter.warn(f"texts are padded, which is slower: packed input {difference} on this machine")
            packed = False
    with contextlib.ExitStack() as stack:
        if packed:
            stack.enter_context(packed_forward(inner))
        if target.device.type == "cpu":
            stack.enter_context(fast_dropout(model.module, masks))
        if gradient_checkpointing:
            stack.enter_context(recomputed(model.module, masks))
        budget = token_budget(max_batch_tokens, target.device, packed=packed)
        yield Forward(model, target, masks, packed=packed, budget=budget)
