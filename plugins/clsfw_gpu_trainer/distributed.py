"""What the processes of a run say to each other: words, numbers and tensors.

The first process, rank 0, runs the loop and writes the run directory; the others do what it says. All have the
same data in the same order, so that takes one word a step.
"""

from __future__ import annotations

import contextlib
import io
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

from clsfw import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import nn

    from clsfw_gpu_trainer.optimizer import Optimizer

_KEPT = 4
"""Parts of a batch whose gradients a process keeps before they are added up; each is as large as the weights."""


class Word(IntEnum):
    """What rank 0 says to the others to do next."""

    END = 0
    START = 1
    STEP = 2
    VALIDATE = 3
    GO_ON = 4
    TRAINED = 5
    PREDICT = 6


class Team:
    """The processes of a run; in a team of one nothing is sent anywhere.

    With `exact` the result has the bits of one process: a batch is cut alike whatever the number of processes, and its
    gradients are added in the order of its parts.
    """

    def __init__(
        self, rank: int = 0, size: int = 1, control: distributed.ProcessGroup | None = None, *, exact: bool = True
    ) -> None:
        self.rank = rank
        self.size = size
        self.exact = exact or size == 1
        self.over = False
        """Whether nobody listens any more: the end was said or heard, or a process was lost."""
        # Words go from host to host: a GPU that had to carry them would make the host wait for it.
        self._control = control

    @property
    def multiple(self) -> int:
        """What the number of parts of a batch is a multiple of."""
        return 1 if self.exact else self.size

    def rounds(self, parts: int) -> Iterator[range]:
        """Return the numbers of the parts of a batch that this process takes; after each range gradients are added up.

        Those of a range follow one another, and come before those of the next process.
        """
        most = _KEPT * self.size if self.exact and self.size > 1 else max(1, parts)
        for start in range(0, parts, most):
            count = min(most, parts - start)
            # Rounded up: the first processes take one more where it does not come out even, the last one adds up.
            yield range(start - -count * self.rank // self.size, start - -count * (self.rank + 1) // self.size)

    def tell(self, word: Word) -> None:
        """Say what comes next; for rank 0."""
        if self.size > 1 and not self.over:
            self.over = word is Word.END
            with self._connected():
                distributed.broadcast(torch.tensor(int(word)), 0, group=self._control)

    def hear(self) -> Word:
        """Wait for what comes next; for the others."""
        word = torch.tensor(0)
        with self._connected():
            distributed.broadcast(word, 0, group=self._control)
        self.over = Word(int(word)) is Word.END
        return Word(int(word))

    def goes_on(self) -> bool:
        """Announce that the work goes on, or hear whether it does."""
        if self.rank:
            return self.hear() is Word.GO_ON
        self.tell(Word.GO_ON)
        return True

    def sum_(self, tensor: torch.Tensor) -> None:
        """Sum a tensor over all processes, in place."""
        if self.size > 1:
            with self._connected():
                distributed.all_reduce(tensor)

    def anywhere(self, facts: list[bool]) -> list[bool]:
        """Return for each fact whether it holds in any process."""
        counts = torch.tensor(facts, dtype=torch.int32)
        if self.size > 1:
            with self._connected():
                distributed.all_reduce(counts, group=self._control)
        return [bool(count) for count in counts.tolist()]

    def from_before(self, like: torch.Tensor) -> torch.Tensor:
        """Return the tensor that the process before this one hands on."""
        tensor = torch.empty_like(like, memory_format=torch.contiguous_format)
        with self._connected():
            distributed.recv(tensor, self.rank - 1)
        return tensor

    def hand_on(self, tensor: torch.Tensor) -> None:
        """Send a tensor to the next process, if there is one."""
        if self.rank + 1 < self.size:
            with self._connected():
                distributed.send(tensor, self.rank + 1)

    def take_from_last(self, tensor: torch.Tensor) -> None:
        """Fill a tensor with that of the last process."""
        with self._connected():
            distributed.broadcast(tensor, self.size - 1)

    def share_state(self, step: int, module: nn.Module, optimizer: Optimizer) -> int:
        """Return all processes the weights, the optimizer's state and the step of rank 0; gives the step."""
        if self.size == 1:
            return step
        with self._connected():
            facts = torch.tensor([step, *optimizer.started()])
            distributed.broadcast(facts, 0, group=self._control)
            step, *started = facts.tolist()
            optimizer.start(started)
            for tensor in (*module.state_dict().values(), *(moment for _, moment in optimizer.tensors())):
                distributed.broadcast(tensor, 0)
        return step

    def share_number(self, number: int) -> int:
        """Return the number that rank 0 gives."""
        if self.size == 1:
            return number
        shared = torch.tensor(number)
        with self._connected():
            distributed.broadcast(shared, 0, group=self._control)
        return int(shared)

    def give(self, written: bytes) -> None:
        """Send what `written` gave to the others; for rank 0."""
        if self.size > 1:
            self.share_number(len(written))
            with self._connected():
                distributed.broadcast(torch.frombuffer(bytearray(written), dtype=torch.uint8), 0, group=self._control)

    def take(self) -> Any:
        """Return what rank 0 gave; for the others."""
        buffer = torch.empty(self.share_number(0), dtype=torch.uint8)
        with self._connected():
            distributed.broadcast(buffer, 0, group=self._control)
        # It comes from the process that this one was started to help, over their own connection, not out of a file.
        return torch.load(io.BytesIO(buffer.numpy().data), weights_only=False)

    def require_same(self, advice: str, **choices: object) -> None:
        """See that all processes chose alike: on this hangs which texts each of them takes, and what it makes of them.

        Raises:
            HostError: they did not; `advice` says what to do.

        """
        if self.size == 1:
            return
        every: list[Mapping[str, object]] = [{} for _ in range(self.size)]
        with self._connected():
            distributed.all_gather_object(every, choices, group=self._control)
        for rank, others in enumerate(every):
            different = [
                f"{key} {value!r} and {others[key]!r}" for key, value in choices.items() if value != others[key]
            ]
            if different:
                self.over = True  # each of them says so, and none listens
                raise HostError(
                    f"processes {self.rank} and {rank} would compute differently: {', '.join(different)}; {advice}"
                )

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Turn a lost connection into an error that says what to do."""
        try:
            yield
        except RuntimeError as exc:
            self.over = True
            why = str(exc).splitlines()[0].rsplit("] ", 1)[-1] if "] " in str(exc) else str(exc).splitlines()[0]
            raise HostError(
                f"another process of this run, or its host, was lost ({why}); the same command, on all hosts again, "
                "continues from the last checkpoint"
            ) from exc


def written(thing: object) -> bytes:
    """Return an object as bytes for `Team.give`.

    Raises:
        Exception: it cannot be written; what is raised hangs on what it holds.

    """
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()
