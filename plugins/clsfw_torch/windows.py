"""A classifier that reads long texts in windows, and makes one answer out of those to the windows of a text.

Logits are pooled, not probabilities: the loss is computed from logits, so training and prediction pool the same
numbers; and their mean weighs a window that is sure more than one that is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers.modeling_outputs import SequenceClassifierOutput

from clsfw_torch.tokens import Tokens

_TOKENS = 4096  # computed at a time where nothing is trained, or what the batch would be without windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw import TorchClassifier
    from clsfw_runtime.windows import Windows


class Windowed(torch.nn.Module):
    """A classifier of texts of any length, around one of short texts; of texts that fit the answers are its own."""

    def __init__(self, module: Any, windows: Windows, pad_token_id: int) -> None:
        super().__init__()
        self.inner = module
        self._windows = windows
        self._pad = pad_token_id

    def get_base_model(self) -> Any:
        """Return the classifier of short texts."""
        return self.inner

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """Return logits [B, C] of whole texts, int64 [B, L] twice."""
        cut = self._windows.cut(attention_mask.sum(dim=1).cpu().numpy())
        if len(cut.lengths) == len(cut.counts):
            return self.inner(input_ids=input_ids, attention_mask=attention_mask)
        device = input_ids.device
        mask = torch.from_numpy(np.arange(cut.lengths.max()) < cut.lengths[:, None]).to(device)  # [W, l]
        ids = torch.full(mask.shape, self._pad, dtype=input_ids.dtype, device=device)
        ids[mask] = input_ids[attention_mask.bool()][torch.from_numpy(cut.places).to(device)]
        size = len(ids)
        if not torch.is_grad_enabled():
            size = max(len(cut.counts), _TOKENS // self._windows.length)
        parts = zip(torch.split(ids, size), torch.split(mask.long(), size), strict=True)  # [w, l] twice each
        logits = torch.cat([self.inner(input_ids=own, attention_mask=there).logits for own, there in parts])  # [W, C]
        return SequenceClassifierOutput(logits=pooled(logits, cut.counts, self._windows.pool))


def windows_of(model: TorchClassifier) -> Windows | None:
    """Return the windows in which a classifier reads long texts; None if it has none."""
    return getattr(model, "windows", None)


def in_windows(tokens: Tokens, rows: NDArray[np.int64], windows: Windows) -> tuple[Tokens, NDArray[np.int64]]:
    """Return the windows of some texts as texts of their own, and how many each text has."""
    flat, lengths = tokens.flat(rows)
    cut = windows.cut(lengths)
    starts = np.concatenate([[0], np.cumsum(cut.lengths)])
    read = Tokens(flat[cut.places].astype(np.int32), starts, cut.lengths, np.zeros(len(cut.lengths), dtype=np.bool_))
    return read, cut.counts


def computed(lengths: NDArray[np.int64], windows: Windows, *, padded: bool) -> NDArray[np.int64]:
    """Return how many tokens of each text are computed: more than it has, for windows overlap."""
    counts = windows.counts(lengths)
    if padded:
        return np.where(counts > 1, counts * windows.length, lengths)
    return lengths + (counts - 1) * (windows.stride + sum(windows.special))


def pooled(logits: torch.Tensor, counts: NDArray[np.int64], pool: str) -> torch.Tensor:
    """Make logits [B, C] of texts out of those of their windows [W, C], of which text i has `counts[i]`."""
    if len(logits) == len(counts):
        return logits
    texts = torch.split(logits, counts.tolist())
    return torch.stack([own.mean(dim=0) if pool == "mean" else own.amax(dim=0) for own in texts])
