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
from clsfw_torch.freed import all_freed_memory_kept
from clsfw_torch.half import HalfLinears, trained_in_half
from clsfw_torch.lookup import sparse_lookups
from clsfw_torch.packed import cut, encoder, pack, packable, packed_forward, share, to_device
from clsfw_torch.recompute import computed_again, recomputed
from clsfw_torch.windows import computed, in_windows, pooled, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from clsfw import Reporter, TorchClassifier
    from clsfw_torch.target import Target
    from clsfw_torch.tokens import Tokens


@dataclass(frozen=True)
class Part:
    """Some rows [B] of the data, and the model's keyword arguments for them.

    `windows` [B] says how many windows each of them has, if any has several. Those of a text beyond the budget come in
    several `pieces`; `order` is where each window is in them.
    """

    rows: NDArray[np.int64]
    pieces: list[dict[str, Any]]
    windows: NDArray[np.int64] | None = None
    order: torch.Tensor | None = None


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
        self._in_half = target.precision == "bf16" and target.device.type == "cpu"
        self._masks = masks
        self._windows = windows_of(model)
        self._module = encoder(model.module) if packed or self._windows is not None else model.module

    def shares(self, tokens: Tokens, rows: NDArray[np.int64], multiple: int) -> list[NDArray[np.int64]]:
        """Cut rows into those of parts that fit the budget of tokens; their number is a multiple, if rows suffice."""
        lengths = tokens.starts[rows + 1] - tokens.starts[rows]
        budget = self.budget
        if self._windows is not None:  # the windows of a text stay together, for they make one answer
            lengths = computed(lengths, self._windows, padded=not self.packed)
        if self.packed:
            shares = share(lengths, budget, multiple)
        else:
            if multiple > 1:  # few processes go without a part
                budget = min(budget, -(-int(lengths.sum()) // multiple))
            shares = cut(lengths, budget)
        return [rows[chosen] for chosen in shares]

    def part(self, tokens: Tokens, rows: NDArray[np.int64]) -> Part:
        """Return what the model takes for the rows of one part."""
        longest = int((tokens.starts[rows + 1] - tokens.starts[rows]).max())
        if self._windows is None or longest <= self._windows.length:
            return Part(rows, [self._inputs(tokens, rows)])
        read, counts = in_windows(tokens, rows, self._windows)
        needed = computed(np.array([longest]), self._windows, padded=not self.packed)[0]
        if needed <= self.budget:
            return Part(rows, [self._inputs(read, np.arange(len(read.lengths)))], counts)
        pieces = cut(read.lengths, self.budget)
        order = to_device(np.concatenate(pieces).argsort(), self.target.device)
        return Part(rows, [self._inputs(read, piece) for piece in pieces], counts, order)

    def _inputs(self, tokens: Tokens, rows: NDArray[np.int64]) -> dict[str, Any]:
        device = self.target.device
        if self.packed:
            return pack(self._module, tokens, rows, device, self._masks)
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
            logits = torch.cat(list(self._windows_logits(part)))  # [B, C], or [W, C] of W windows
        if part.windows is None or self._windows is None:
            return logits
        return pooled(logits if part.order is None else logits[part.order], part.windows, self._windows.pool)

    def _windows_logits(self, part: Part) -> Iterator[torch.Tensor]:
        for inputs in part.pieces:
            if len(part.pieces) > 1 and torch.is_grad_enabled():
                # What one piece keeps for the backward pass fits the memory, what all of them keep may not.
                yield computed_again(self._module, inputs, self._masks).logits
            else:
                yield self._module(**inputs).logits

    def half(self) -> HalfLinears | None:
        """Return linear layers that serve until a weight changes; None leaves it to autocast."""
        return HalfLinears(self.model.module) if self._in_half else None

    @contextlib.contextmanager
    def weights_cast_once(self) -> Iterator[None]:
        """Cast each weight once while the block runs: forward and backward passes between which none changes."""
        half = trained_in_half(self.model.module) if self._in_half else contextlib.nullcontext()
        with self.target.weights_cast_once(), half:
            yield

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
    training: bool = False,
    gradient_checkpointing: bool = False,
) -> Iterator[Forward]:
    """Make a model on its device ready, for as long as the block runs; for `training` too, or only to predict.

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
        if training and target.device.type == "cpu":
            stack.enter_context(fast_dropout(model.module, masks))
            stack.enter_context(sparse_lookups(model.module))
            stack.enter_context(all_freed_memory_kept())
        if training and gradient_checkpointing:
            stack.enter_context(recomputed(model.module, masks))
        budget = token_budget(max_batch_tokens, target.device, packed=packed)
        yield Forward(model, target, masks, packed=packed, budget=budget)
