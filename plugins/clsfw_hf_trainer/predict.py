"""Logits for any number of texts, in their own order, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clsfw_hf_trainer.rows import collate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw import Reporter, TorchClassifier
    from clsfw_hf_trainer.rows import Rows
    from clsfw_torch.target import Target


def all_logits(
    model: TorchClassifier, rows: Rows, target: Target, *, batch_size: int, reporter: Reporter, what: str
) -> torch.Tensor:
    """Return the logits, float32 [N, C] on the CPU."""
    result = torch.empty(len(rows), len(model.labels.names))
    model.module.eval()
    with torch.inference_mode(), target.autocast():
        for start in range(0, len(rows), batch_size):
            end = min(start + batch_size, len(rows))
            batch = collate([rows[index] for index in range(start, end)], model.pad_token_id)
            inputs = {name: values.to(target.device) for name, values in batch.items() if name != "labels"}
            result[start:end] = model.module(**inputs).logits.float().cpu()
            reporter.progress(what, end, len(rows), "texts")
    return result


def chances(logits: torch.Tensor, *, multi_label: bool) -> NDArray[np.float32]:
    """Turn logits [N, C] into probabilities."""
    given = logits.sigmoid() if multi_label else logits.softmax(dim=1)
    return np.asarray(given.numpy(), dtype=np.float32)
