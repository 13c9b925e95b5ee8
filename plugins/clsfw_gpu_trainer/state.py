"""All that decides the rest of a training run, in memory and in a checkpoint (safetensors and JSON, no pickle).

Random numbers need no place in it: each part of a batch seeds its own from the run's seed, the step and its number, so
neither an interruption nor an evaluation, a watcher or the number of processes can shift them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file

from clsfw import RunDirectoryError
from clsfw_torch.progress import read_progress
from clsfw_torch.weights import load_weights, weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch
    from torch import nn

    from clsfw_gpu_trainer.optimizer import Optimizer
    from clsfw_torch.progress import Progress

_FILE = "trainer.json"


def part_seed(seed: int, step: int, part: int) -> int:
    """Return the seed of the random numbers of one part of one batch."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}/{part}".encode()).digest()[:7], "big")


@dataclass(frozen=True)
class State:
    """All that a checkpoint holds; from a GPU it is taken as copies, so that training can go on while it is written."""

    tensors: Mapping[str, Mapping[str, torch.Tensor]]
    progress: str

    @classmethod
    def take(
        cls,
        module: nn.Module,
        optimizer: Optimizer,
        progress: Progress,
        best: dict[str, torch.Tensor] | None,
    ) -> State:
        """Take the state as it is now."""
        tensors = {"weights": weights(module), "optimizer": dict(optimizer.tensors()), "best": best or {}}
        return cls(
            {kind: {name: value.detach().cpu() for name, value in part.items()} for kind, part in tensors.items()},
            progress.text(),
        )

    def write(self, folder: Path) -> None:
        """Write it as files of a checkpoint."""
        for kind, tensors in self.tensors.items():
            if tensors:
                save_file(dict(tensors), folder / f"{kind}.safetensors")
        (folder / _FILE).write_text(self.progress, encoding="utf-8")


def restore_state(
    folder: Path, module: nn.Module, optimizer: Optimizer
) -> tuple[Progress, dict[str, torch.Tensor] | None]:
    """Take over a checkpoint; gives the progress and the best weights if they were kept.

    Raises:
        RunDirectoryError: the checkpoint is of another model, or of another version of this trainer.

    """
    progress = read_progress(folder / _FILE, "gpu-trainer")
    saved = load_file(folder / "weights.safetensors")
    if {n: v.shape for n, v in saved.items()} != {n: v.shape for n, v in weights(module).items()}:
        raise RunDirectoryError(f"{folder}: the checkpoint is of another model; start again with --fresh")
    load_weights(module, saved)
    optimizer.restore(load_file(folder / "optimizer.safetensors"))
    best = folder / "best.safetensors"
    return progress, load_file(best) if best.exists() else None
