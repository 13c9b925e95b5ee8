"""The gradients of a step: those of its parts, added up in one order, whoever computed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from clsfw_gpu_trainer.distributed import Team


class Gradients:
    """Sums of gradients over the parts of a batch and the processes of a team.

    One process adds part after part in place, as autograd does it: ((g0 + g1) + g2) + g3. In an exact team each part's
    gradients are kept by themselves until the sum of all parts before them has come from the process before this one;
    then they are added in the same order, and with it to the same bits. Otherwise each process adds its own, and
    the sums are added in whatever order is fastest.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], team: Team) -> None:
        self._parameters = list(parameters)
        self._team = team
        self._by_part = team.exact and team.size > 1
        self._aside: list[list[torch.Tensor | None]] = []
        self._sums: list[torch.Tensor | None] = [None] * len(self._parameters)

    def part_done(self) -> None:
        """Take the gradients of the part that was just computed."""
        if self._by_part:
            self._aside.append([parameter.grad for parameter in self._parameters])
            for parameter in self._parameters:
                parameter.grad = None

    def round_done(self) -> None:
        """Add up what all processes have computed since the last time."""
        if self._by_part:
            self._chain()
        elif self._team.size > 1:
            self._reduce()

    def finish(self) -> None:
        """Put the sums into the parameters; one whose gradient nobody has keeps none, so that it is not updated."""
        if self._by_part:
            for parameter, total in zip(self._parameters, self._sums, strict=True):
                parameter.grad = total
        self._sums = [None] * len(self._parameters)

    def _chain(self) -> None:
        team = self._team
        own = [[part[number] for part in self._aside] for number in range(len(self._parameters))]
        self._aside.clear()
        used = [n for n, there in enumerate(team.anywhere([any(g is not None for g in mine) for mine in own])) if there]
        for number in used:
            total = self._sums[number] if team.rank == 0 else team.from_before(self._parameters[number])
            for gradient in own[number]:
                if gradient is not None:
                    total = gradient if total is None else total.add_(gradient)
            own[number].clear()
            # The one number that changes none by being added to it, not even the sign of a zero.
            total = torch.full_like(self._parameters[number], -0.0) if total is None else total.contiguous()
            team.hand_on(total)
            self._sums[number] = total
        # The last process has the sum of all. It goes out once everything was handed on, so that nobody waits in turn.
        for number in used:
            total = self._sums[number]
            if total is not None:
                team.take_from_last(total)

    def _reduce(self) -> None:
        there = self._team.anywhere([parameter.grad is not None for parameter in self._parameters])
        used = [parameter for parameter, some in zip(self._parameters, there, strict=True) if some]
        if not used:
            return
        flat = torch.cat([torch.zeros_like(p).view(-1) if p.grad is None else p.grad.reshape(-1) for p in used])
        self._team.sum_(flat)
        for parameter, gradient in zip(used, torch.split(flat, [p.numel() for p in used]), strict=True):
            parameter.grad = gradient.view_as(parameter)
