"""Several processes that train one model: each takes its share of every batch, and the gradients are summed.

The first process, rank 0, runs the loop and writes the run directory; the others do what it says. All have the
same data in the same order, so that takes one word a step.
"""

from __future__ import annotations

import contextlib
import os
from enum import IntEnum
from typing import TYPE_CHECKING

import torch
from torch import distributed

from clsfw import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

    from clsfw_gpu_trainer.optimizer import Optimizer
    from clsfw_torch.target import Target


class Word(IntEnum):
    """What rank 0 says to the others to do next."""

    END = 0
    START = 1
    STEP = 2
    VALIDATE = 3


class Team:
    """The processes of a run; in a team of one nothing is sent anywhere."""

    def __init__(self, rank: int = 0, size: int = 1, control: distributed.ProcessGroup | None = None) -> None:
        self.rank = rank
        self.size = size
        # Words go from host to host: a GPU that had to carry them would make the host wait for it.
        self._control = control

    def tell(self, word: Word) -> None:
        """Say what comes next; for rank 0."""
        if self.size > 1:
            distributed.broadcast(torch.tensor(int(word)), 0, group=self._control)

    def hear(self) -> Word:
        """Wait for what comes next; for the others."""
        word = torch.tensor(0)
        distributed.broadcast(word, 0, group=self._control)
        return Word(int(word))

    def sum_(self, tensor: torch.Tensor) -> None:
        """Sum a tensor over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)

    def sum_gradients(self, parameters: Mapping[str, nn.Parameter]) -> None:
        """Sum the gradients over all processes; one that nobody has stays absent, so that it is not updated."""
        if self.size == 1:
            return
        every = list(parameters.values())
        there = torch.tensor([p.grad is not None for p in every], dtype=torch.int32)
        distributed.all_reduce(there, group=self._control)
        used = [p for p, count in zip(every, there.tolist(), strict=True) if count]
        if not used:
            return
        flat = torch.cat([torch.zeros_like(p).view(-1) if p.grad is None else p.grad.reshape(-1) for p in used])
        distributed.all_reduce(flat)
        for parameter, gradient in zip(used, torch.split(flat, [p.numel() for p in used]), strict=True):
            parameter.grad = gradient.view_as(parameter)

    def share_state(self, step: int, module: nn.Module, optimizer: Optimizer) -> int:
        """Return all processes the weights, the optimizer's state and the step of rank 0; gives the step."""
        if self.size == 1:
            return step
        facts = torch.tensor([step, *optimizer.started()])
        distributed.broadcast(facts, 0, group=self._control)
        step, *started = facts.tolist()
        optimizer.start(started)
        for tensor in (*module.state_dict().values(), *(moment for _, moment in optimizer.tensors())):
            distributed.broadcast(tensor, 0)
        return step

    def require_same(self, **choices: object) -> None:
        """See that all processes chose alike: on this hangs which texts each of them takes.

        Raises:
            HostError: they did not.

        """
        if self.size == 1:
            return
        every: list[Mapping[str, object]] = [{} for _ in range(self.size)]
        distributed.all_gather_object(every, choices, group=self._control)
        for rank, others in enumerate(every):
            different = [
                f"{key} {value!r} and {others[key]!r}" for key, value in choices.items() if value != others[key]
            ]
            if different:
                raise HostError(
                    f"processes {self.rank} and {rank} would compute differently: {', '.join(different)}; "
                    "start them on devices of one kind, or write device and precision into the recipe"
                )


@contextlib.contextmanager
def joined(target: Target) -> Iterator[Team]:
    """Meet the other processes that torchrun started, if there are any, for as long as the block runs.

    Raises:
        HostError: this build of torch cannot, or the others were not found.

    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:  # torchrun sets it
        yield Team()
        return
    if not distributed.is_available():
        raise HostError("this build of torch has no torch.distributed; start one process, without torchrun")
    try:
        distributed.init_process_group("nccl" if target.device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as exc:
        raise HostError(f"the processes that torchrun started did not find each other: {exc}") from exc
    try:
        control = distributed.new_group(backend="gloo")
        yield Team(distributed.get_rank(), distributed.get_world_size(), control)
    finally:
        distributed.destroy_process_group()
