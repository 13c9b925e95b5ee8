"""The trainer `gpu-trainer`: clsfw's own training loop for torch models, on CUDA devices and on the CPU.

Same mathematics as Hugging Face's `Trainer` (batches, AdamW, schedule, clipping, loss), several times faster: see
`docs/explanation/speed.md`. Only the settings and the hook live here; torch is imported when something is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

import clsfw
from clsfw_torch.openmp import let_waiting_threads_sleep
from clsfw_torch.settings import TorchTrainerSettings

if TYPE_CHECKING:
    from clsfw_gpu_trainer.late import LateTrainer


class GpuTrainerSettings(TorchTrainerSettings):
    """Settings of `gpu-trainer`."""

    max_batch_tokens: int | None = Field(
        default=None,
        ge=1,
        description="tokens computed at a time, padding counted; changes speed and memory, not the result",
    )


def _build(settings: GpuTrainerSettings) -> LateTrainer:
    let_waiting_threads_sleep()  # before torch is imported
    from clsfw_gpu_trainer.late import LateTrainer

    return LateTrainer(settings)


@clsfw.hookimpl
def register_trainers() -> list[clsfw.Component[LateTrainer]]:
    """Contribute `gpu-trainer`."""
    return [
        clsfw.Component(
            name="gpu-trainer",
            summary="clsfw's own fast training loop for torch models, on CUDA or the CPU",
            settings=GpuTrainerSettings,
            build=_build,
        )
    ]
