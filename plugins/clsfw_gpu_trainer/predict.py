"""Class probabilities for any number of texts: longest first, so that little is padded, and back in their own order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from clsfw_gpu_trainer.parts import padded_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw.plugin.contracts import Reporter, TorchClassifier
    from clsfw_gpu_trainer.device import Target
    from clsfw_gpu_trainer.loss import Loss
    from clsfw_gpu_trainer.tokens import Tokens


def probabilities(
    model: TorchClassifier,
    tokens: Tokens,
    target: Target,
    *,
    reporter: Reporter,
    what: str,
    judge: tuple[Loss, NDArray[np.int64]] | None = None,
) -> tuple[NDArray[np.float32], float | None]:
    """Give probabilities [N, C] in the order of the texts, and the mean loss if `judge` gives loss and true labels."""
    rows = np.arange(len(tokens.whole))
    result = np.empty((len(rows), len(model.labels.names)), dtype=np.float32)
    total = torch.zeros((), dtype=torch.float64, device=target.device)
    done = 0
    model.module.eval()
    with torch.inference_mode(), target.autocast():
        for part in padded_parts(tokens, rows, model.pad_token_id, target):
            logits = model.module(**part.inputs).logits.float()
            chances = logits.sigmoid() if model.labels.multi_label else logits.softmax(dim=1)
            result[part.rows] = chances.cpu().numpy()
            if judge is not None:
                loss, truth = judge
                total += loss.summed(logits, torch.from_numpy(truth[part.rows]).to(target.device))
            done += len(part.rows)
            reporter.progress(what, done, len(rows), "texts")
    if judge is None:
        return result, None
    loss, truth = judge
    return result, total.item() / loss.divisor(truth)
