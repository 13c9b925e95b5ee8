"""Class probabilities for any number of texts: longest first, so that little is padded, and back in their own order."""

from __future__ import annotations

import contextlib
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
    from clsfw_torch.half import HalfLinears
    from clsfw_torch.tokens import Tokens

_GROUP = 1024
"""Texts of like length that are cut into parts together."""


def probabilities(
    forward: Forward,
    tokens: Tokens,
    *,
    reporter: Reporter,
    what: str,
    linears: HalfLinears | None,
    judge: tuple[Loss, NDArray[np.int64]] | None = None,
    team: Team | None = None,
) -> tuple[NDArray[np.float32], float | None]:
    """Return probabilities [N, C] in the order of the texts, and the mean loss if `judge` has loss and true labels.

    The processes of a team take a part in turn, and each of them gets the whole. An exact team cuts parts as one
    process does, and each row is computed with the same others: the bits are those of one process. `linears` are those
    of `forward.half`.
    """
    model, device = forward.model, forward.target.device
    team = team or Team()
    # Longest first: texts of like length meet in a part, and memory runs out at once or not at all.
    order = np.argsort(-tokens.lengths, kind="stable")  # [N], row numbers
    # Results stay on the device to the end, so that it need not wait for the host; each process fills its share.
    result = torch.zeros(len(order), len(model.labels.names), device=device)
    losses: dict[int, torch.Tensor] = {}  # sums over the rows of a part, by the number of the part
    done = count = 0
    _stop_training(model.module)
    with torch.inference_mode(), contextlib.nullcontext() if linears is None else linears.applied():
        for start in range(0, len(order), _GROUP):
            if not team.goes_on():
                break
            for rows in forward.shares(tokens, order[start : start + _GROUP], team.multiple):
                number = count
                count += 1
                if number % team.size != team.rank:
                    continue
                part = forward.part(tokens, rows)
                logits = forward.logits(part).float()  # [b, C]; probabilities are made in float32, whatever computed
                chances = logits.sigmoid() if model.labels.multi_label else logits.softmax(dim=1)
                result[to_device(part.rows, device)] = chances
                if judge is not None:
                    losses[number] = judge[0].summed(logits, to_device(judge[1][part.rows], device))
                done += len(part.rows) * team.size
                reporter.progress(what, min(done, len(order)), len(order), "texts")
    if team.over:
        return result.cpu().numpy(), None
    team.sum_(result)
    if judge is None:
        return result.cpu().numpy(), None
    every = torch.zeros(count, dtype=torch.float64, device=device)  # [P]
    if losses:
        every[list(losses)] = torch.stack(list(losses.values())).double()
    team.sum_(every)
    # One after another, as they come: sum() of torch and of Python add in other orders, and differ in the last bit.
    total = 0.0
    for loss in every.tolist():
        total += loss
    return result.cpu().numpy(), total / judge[0].divisor(judge[1])


def _stop_training(module: torch.nn.Module) -> None:
    # For a single text to look is cheaper than to set.
    if any(part.training for part in module.modules()):
        module.eval()
