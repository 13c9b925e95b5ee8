"""AdamW with the decay groups of Hugging Face's `Trainer`, which refuses an update that is not finite."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw_gpu_trainer import GpuTrainerSettings

# transformers' Trainer.get_decay_parameter_names: biases and the weights of norms are not decayed.
_UNDECAYED = re.compile(r"bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)")
_MOMENTS = ("exp_avg", "exp_avg_sq")


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that training changes, each once."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def decayed(module: nn.Module) -> frozenset[str]:
    """Name the parameters that weight decay shrinks."""
    norms = {id(p) for m in module.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters(recurse=False)}
    return frozenset(n for n, p in module.named_parameters() if id(p) not in norms and not _UNDECAYED.search(n.lower()))


class Optimizer:
    """AdamW over the trainable parameters of a module.

    From the first gradient norm that is not finite on, every update is skipped, on the device itself: the host need not
    wait for each step to know that no broken update was ever made. `first_bad_step` says so, when asked.
    """

    def __init__(self, module: nn.Module, settings: GpuTrainerSettings) -> None:
        self.parameters = trainable(module)
        self._max_norm = settings.max_grad_norm
        with_decay = decayed(module)
        groups = [
            {
                "params": [p for n, p in self.parameters.items() if n in with_decay],
                "weight_decay": settings.weight_decay,
            },
            {"params": [p for n, p in self.parameters.items() if n not in with_decay], "weight_decay": 0.0},
        ]
        self._adam = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=settings.learning_rate,
            betas=(settings.adam_beta1, settings.adam_beta2),
            eps=settings.adam_epsilon,
            fused=True,
        )
        self._bad_step = torch.zeros((), device=next(iter(self.parameters.values())).device)

    def update(self, step: int, learning_rate: float) -> None:
        """Clip the gradients to the largest norm, update, and forget them; `step` counts from 1."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        if self._max_norm:
            torch.nn.utils.clip_grads_with_norm_(self.parameters.values(), self._max_norm, norm, foreach=True)
        first = (self._bad_step == 0) & ~torch.isfinite(norm)
        self._bad_step = torch.where(first, float(step), self._bad_step)
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        # The attribute through which torch's own GradScaler makes the fused kernel skip an update.
        self._adam.found_inf = (self._bad_step > 0).float()  # type: ignore[attr-defined]  # set from outside by design
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def first_bad_step(self) -> int | None:
        """Return the step whose gradients were not finite, if there was one; waits for the device."""
        return int(self._bad_step.item()) or None

    def started(self) -> list[bool]:
        """Say of each parameter whether it has a state: one that never gets a gradient has none."""
        return [parameter in self._adam.state for parameter in self.parameters.values()]

    def start(self, which: Sequence[bool]) -> None:
        """Make a state of zeros for each parameter that has one elsewhere and none here, for others to fill."""
        for parameter, there in zip(self.parameters.values(), which, strict=True):
            if there and parameter not in self._adam.state:
                moments = {key: torch.zeros_like(parameter) for key in _MOMENTS}
                self._adam.state[parameter] = {"step": torch.zeros((), device=parameter.device), **moments}

    def tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Return AdamW's moments and step counts by name; empty before the first update."""
        for name, parameter in self.parameters.items():
            for key, value in self._adam.state.get(parameter, {}).items():
                yield f"{key}/{name}", value

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take over what `tensors` gave before."""
        self.start([f"step/{name}" in tensors for name in self.parameters])
        for name, state in self.tensors():
            state.copy_(tensors[name])
