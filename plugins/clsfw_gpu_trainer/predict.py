"""Class probabilities for any number of texts: longest first, so that little is padded, and back in their own order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clsfw_gpu_trainer.distributed import Team
from clsfw_torch.packed import to_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw import Reporter
    from clsfw_gpu_trainer.forward import Forward
    from clsfw_gpu_trainer.loss import Loss
    from clsfw_torch.tokens import Tokens

_GROUP = 1024
"""Texts of like length that are cut into parts together."""


def probabilities(
    forward: Forward,
    tokens: Tokens,
    *,
    reporter: Reporter,
    what: str,
    judge: tuple[Loss, NDArray[np.int64]] | None = None,
    team: Team | None = None,
) -> tuple[NDArray[np.float32], float | None]:
    """Return probabilities [N, C] in the order of the texts, and the mean loss if `judge` has loss and true labels."""
    model, device = forward.model, forward.target.device
    team = team or Team()
    # Longest first: texts of like length meet in a part, and memory runs out at once or not at all.
    order = np.argsort(-tokens.lengths, kind="stable")  # [N], row numbers
    # Results stay on the device to the end, so that it need not wait for the host; each process fills its share.
    result = torch.zeros(len(order), len(model.labels.names), device=device)
    total = torch.zeros((), dtype=torch.float64, device=device)
    done = 0
    model.module.eval()
    with torch.inference_mode():
        for start in range(0, len(order), _GROUP):
            for part in forward.parts(tokens, order[start : start + _GROUP], team):
                logits = forward.logits(part).float()  # [b, C]; probabilities are made in float32, whatever computed
                chances = logits.sigmoid() if model.labels.multi_label else logits.softmax(dim=1)
                result[to_device(part.rows, device)] = chances
                if judge is not None:
                    total += judge[0].summed(logits, to_device(judge[1][part.rows], device))
                done += len(part.rows) * team.size
                reporter.progress(what, min(done, len(order)), len(order), "texts")
    team.sum_(result)
    team.sum_(total)
    return result.cpu().numpy(), None if judge is None else total.item() / judge[0].divisor(judge[1])
