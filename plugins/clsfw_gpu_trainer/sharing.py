"""Predictions that all processes of a run share out, once the first one has trained, saved and loaded its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw_gpu_trainer.distributed import Word, written
from clsfw_torch.windows import windows_of

if TYPE_CHECKING:
    import torch

    from clsfw import Labels, Reporter, TorchClassifier
    from clsfw_gpu_trainer.distributed import Team
    from clsfw_torch.tokens import Tokens


@dataclass(frozen=True)
class Sent:
    """What the others need of a classifier to compute: they may be on hosts that cannot see where it was saved."""

    module: torch.nn.Module
    labels: Labels
    pad_token_id: int
    max_length: int
    windows: object | None
    """As `windows_of` finds them; None: long texts are cut."""


def offered(model: TorchClassifier, tokens: Tokens, team: Team, reporter: Reporter) -> bool:
    """Send a model and texts to the others, which then wait for what comes next; return whether they could be sent.

    A model of somebody's own may hold what cannot be sent; then a warning says that the first process goes on alone.
    """
    sent = Sent(model.module, model.labels, model.pad_token_id, model.max_length, windows_of(model))
    try:
        package = written((sent, tokens))
    except Exception as exc:  # noqa: BLE001  # whatever somebody's module raises where it is to be copied
        reporter.warn(f"one process predicts alone, as the model cannot be sent to the others: {exc}")
        return False
    team.tell(Word.PREDICT)
    team.give(package)
    return True
