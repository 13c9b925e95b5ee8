"""What a checkpoint must hold beyond `Trainer`'s own: the logging window, the best validation, its weights."""

from __future__ import annotations

import dataclasses
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

_FORMAT = 2
_FILE, _BEST = "clsfw.json", "best.safetensors"


@dataclass
class Progress:
    """What the trainer remembers besides `Trainer`'s state.

    `loss_sum` and `loss_steps`: the window since the last logged step. `best_*`: the best validation so far.
    `stale`: validations since one that was better by the early-stopping threshold.
    """

    loss_sum: float = 0.0
    loss_steps: int = 0
    best_value: float | None = None
    best_step: int | None = None
    stale: int = 0


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of parameters and saved buffers on the CPU; a tensor that has two names is there once."""
    copies: dict[str, torch.Tensor] = {}
    seen: set[tuple[int, torch.Size]] = set()
    for name, value in module.state_dict().items():
        place = (value.data_ptr(), value.shape)
        if place not in seen:
            seen.add(place)
            copies[name] = value.detach().to("cpu", copy=True).contiguous()
    return copies


def load_weights(module: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Take over what `weights` gave for this module."""
    current = module.state_dict()
    with torch.no_grad():
        for name, value in tensors.items():
            current[name].copy_(value)


def save_extra(
    folder: Path, progress: Progress, best: dict[str, torch.Tensor] | None, made: Mapping[str, object]
) -> None:
    """Write the state that `Trainer` does not know of; `made` says on what and how it was computed."""
    facts = {"format": _FORMAT, "made": dict(made), "progress": dataclasses.asdict(progress)}
    (folder / _FILE).write_text(json.dumps(facts, allow_nan=False) + "\n")
    if best is not None:
        save_file(best, folder / _BEST)


def load_extra(folder: Path, made: Mapping[str, object]) -> tuple[Progress, dict[str, torch.Tensor] | None]:
    """Read what `save_extra` wrote.

    Raises:
        RunDirectoryError: the checkpoint is another trainer's, of another version of this one, or was computed on
            something else or otherwise than `made` says.

    """
    try:
        facts = json.loads((folder / _FILE).read_text())
    except FileNotFoundError as exc:
        raise RunDirectoryError(f"{folder}: not a checkpoint of hf-trainer; start again with --fresh") from exc
    if facts["format"] != _FORMAT:
        raise RunDirectoryError(f"{folder}: written by another version of hf-trainer; start again with --fresh")
    if changed := differences(facts["made"], made):
        raise RunDirectoryError(
            f"{folder}: this run was computed otherwise and would not end as it should: {'; '.join(changed)}; "
            "go on as and where it began, or start again with --fresh"
        )
    best = folder / _BEST
    return Progress(**facts["progress"]), load_file(best) if best.exists() else None
