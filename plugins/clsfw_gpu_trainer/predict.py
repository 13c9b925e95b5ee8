"""Class probabilities for any number of texts: longest first, so that little is padded, and back in their own order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clsfw_gpu_trainer.packed import to_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw.plugin.contracts import Reporter
    from clsfw_gpu_trainer.forward import Forward
    from clsfw_gpu_trainer.loss import Loss
    from clsfw_gpu_trainer.tokens import Tokens

_GROUP = 1024
"""Texts of like length that are cut into parts together."""


def probabilities(
    forward: Forward,
    tokens: Tokens,
    *,
    reporter: Reporter,
    what: str,
    judge: tuple[Loss, NDArray[np.int64]] | None = None,
) -> tuple[NDArray[np.float32], float | None]:
    """Give probabilities [N, C] in the order of the texts, and the mean loss if `judge` gives loss and true labels."""
    model, target = forward.model, forward.target
    order = np.argsort(-tokens.lengths, kind="stable")
    total = torch.zeros((), dtype=torch.float64, device=target.device)
    rows: list[NDArray[np.int64]] = []
    chances: list[torch.Tensor] = []  # stay on the device to the end, so that it need not wait for the host
    done = 0
    model.module.eval()
    with torch.inference_mode():
        for start in range(0, len(order), _GROUP):
            for part in forward.parts(tokens, order[start : start + _GROUP]):
                logits = forward.logits(part).float()
                rows.append(part.rows)
                chances.append(logits.sigmoid() if model.labels.multi_label else logits.softmax(dim=1))
                if judge is not None:
                    total += judge[0].summed(logits, to_device(judge[1][part.rows], target.device))
                done += len(part.rows)
                reporter.progress(what, done, len(order), "texts")
    result = np.empty((len(order), len(model.labels.names)), dtype=np.float32)
    if rows:
        result[np.concatenate(rows)] = torch.cat(chances).cpu().numpy()
    return result, None if judge is None else total.item() / judge[0].divisor(judge[1])
