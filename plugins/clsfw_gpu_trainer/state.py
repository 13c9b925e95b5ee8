"""All that decides the rest of a training run, in memory and in a checkpoint (safetensors and JSON, no pickle).

Random numbers need no place in it: each part of a batch seeds its own from the run's seed, the step and its number, so
neither an interruption nor an evaluation, a watcher or the number of processes can shift them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from clsfw import RunDirectoryError
from clsfw.kit import differences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import nn

    from clsfw_gpu_trainer.optimizer import Optimizer

FORMAT = 2


@dataclass
class Progress:
    """Where training stands after `step` steps.

    `loss_sum` and `loss_steps`: the window since the last logged step. `best_*`: the best validation so far.
    `stale`: validations since one that was better by the early-stopping threshold.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    best_value: float | None = None
    best_step: int | None = None
    stale: int = 0


def part_seed(seed: int, step: int, part: int) -> int:
    """Return the seed of the random numbers of one part of one batch."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}/{part}".encode()).digest()[:7], "big")


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of parameters and saved buffers where they are; a tensor that has two names is there once."""
    copies: dict[str, torch.Tensor] = {}
    seen: set[tuple[int, torch.Size]] = set()
    for name, value in module.state_dict().items():
        place = (value.data_ptr(), value.shape)
        if place not in seen:
            seen.add(place)
            copies[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return copies


def load_weights(module: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Take over what `weights` gave for this module."""
    current = module.state_dict()
    with torch.no_grad():
        for name, value in tensors.items():
            current[name].copy_(value)


@dataclass(frozen=True)
class State:
    """All that a checkpoint holds; from a GPU it is taken as copies, so that training can go on while it is written."""

    tensors: Mapping[str, Mapping[str, torch.Tensor]]
    facts: Mapping[str, object]

    @classmethod
    def take(
        cls,
        module: nn.Module,
        optimizer: Optimizer,
        progress: Progress,
        best: dict[str, torch.Tensor] | None,
        *,
        made: Mapping[str, object],
    ) -> State:
        """Take the state as it is now; `made` says on what and how it was computed."""
        tensors = {"weights": weights(module), "optimizer": dict(optimizer.tensors()), "best": best or {}}
        return cls(
            {kind: {name: value.detach().cpu() for name, value in part.items()} for kind, part in tensors.items()},
            {"format": FORMAT, "made": dict(made), "progress": dataclasses.asdict(progress)},
        )

    def write(self, folder: Path) -> None:
        """Write it as files of a checkpoint."""
        for kind, tensors in self.tensors.items():
            if tensors:
                save_file(dict(tensors), folder / f"{kind}.safetensors")
        (folder / "trainer.json").write_text(json.dumps(self.facts, allow_nan=False) + "\n")


def restore_state(
    folder: Path, module: nn.Module, optimizer: Optimizer, made: Mapping[str, object]
) -> tuple[Progress, dict[str, torch.Tensor] | None]:
    """Take over a checkpoint; gives the progress and the best weights if they were kept.

    Raises:
        RunDirectoryError: the checkpoint is of another model, of another version of this trainer, or was computed on
            something else or otherwise than `made` says.

    """
    facts = json.loads((folder / "trainer.json").read_text())
    if facts["format"] != FORMAT:
        raise RunDirectoryError(f"{folder}: written by another version of gpu-trainer; start again with --fresh")
    if changed := differences(facts["made"], made):
        raise RunDirectoryError(
            f"{folder}: this run was computed otherwise and would not end as it should: {'; '.join(changed)}; "
            "go on as and where it began, or start again with --fresh"
        )
    saved = load_file(folder / "weights.safetensors")
    if {n: v.shape for n, v in saved.items()} != {n: v.shape for n, v in weights(module).items()}:
        raise RunDirectoryError(f"{folder}: the checkpoint is of another model; start again with --fresh")
    load_weights(module, saved)
    optimizer.restore(load_file(folder / "optimizer.safetensors"))
    best = folder / "best.safetensors"
    return Progress(**facts["progress"]), load_file(best) if best.exists() else None
