"""The trainer `hf-trainer`: Hugging Face's own `Trainer`, with its known faults fixed; the reference for others.

Only the settings and the hook live here; torch and transformers are imported when something is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

import clsfw
from clsfw_torch.openmp import let_waiting_threads_sleep
from clsfw_torch.settings import TorchTrainerSettings

if TYPE_CHECKING:
    from clsfw_hf_trainer.late import LateTrainer


class HfTrainerSettings(TorchTrainerSettings):
    """Settings of `hf-trainer`."""

    precision: Literal["fp32", "bf16", "tf32"] = Field(
        default="fp32", description="fp32 as `Trainer` does by itself; trained weights are always float32"
    )
    eval_batch_size: int = Field(default=32, ge=1, description="texts in one batch of validation and prediction")


def _build(settings: HfTrainerSettings) -> LateTrainer:
    let_waiting_threads_sleep()  # before torch is imported
    from clsfw_hf_trainer.late import LateTrainer

    return LateTrainer(settings)


@clsfw.hookimpl
def register_trainers() -> list[clsfw.Component[LateTrainer]]:
    """Contribute `hf-trainer`."""
    return [
        clsfw.Component(
            name="hf-trainer",
            summary="Hugging Face's Trainer with its known faults fixed; the reference",
            settings=HfTrainerSettings,
            build=_build,
        )
    ]
