"""Workers on the nodes of a cluster: each an actor; what a lost one was at is begun again elsewhere."""

from __future__ import annotations

import os
import pickle
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ray

from clsfw import Event, HostError
from clsfw_ray.actor import Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from clsfw import Resources
    from clsfw_ray.actor import Message

_DEATHS, _LOSSES = 3, 20
"""So many workers may die at one piece, and so many may be lost with their nodes; then the piece is lost.

So many in a row may be lost before they are ready; then the work ends. A worker dies by its piece, or by memory; a node
goes for reasons of its own, and more often where it was rented to be taken back.
"""


@contextmanager
def _explained() -> Iterator[None]:
    """Say in one message what Ray cannot do for this process."""
    try:
        yield
    except SystemExit as exc:  # as Ray has it where the node that the command is on has ended
        message = "the node of the Ray cluster that this command is on has ended; the same command goes on from here"
        raise HostError(message) from exc
    except (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError) as exc:
        raise HostError(
            "the object store of the Ray node that this command is on is full, and so is the disk for what does not "
            "fit into it; free some space in Ray's folder there, or start Ray with more --object-store-memory; the "
            "same command goes on"
        ) from exc
    except ray.exceptions.RayError as exc:
        first = next(iter(str(exc).splitlines()), "")
        raise HostError(f"Ray failed: {type(exc).__name__}: {first}; the same command goes on from here") from exc


@dataclass
class _Piece:
    """A piece, and how often a worker died at it or was lost with its node."""

    number: int
    content: bytes
    deaths: int = 0
    losses: int = 0

    @property
    def given_up(self) -> bool:
        """Whether that was too often."""
        return self.deaths >= _DEATHS or self.losses >= _LOSSES


@dataclass
class _Worker:
    """An actor, what it is asked now, and the piece that it is at; before it is ready it has none."""

    actor: Any
    asked: Any
    ready: bool = False
    piece: _Piece | None = None


class RayPool:
    """At most `workers` actors, each with what `each` says for itself alone; `leave` is called at the end."""

    def __init__(self, make: bytes, workers: int, each: Resources, leave: Callable[[], None]) -> None:
        self._make = make
        self._most = workers
        self._each = each
        self._leave = leave
        self._waiting: deque[_Piece] = deque()
        self._workers: list[_Worker] = []
        self._events: list[Event] = []
        self._never_ready = 0
        self._stopped = False
        self._environment = {name: value for name, value in os.environ.items() if name.startswith("CLSFW_")}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers with their actors."""
        try:
            for worker in self._workers:
                with suppress(Exception, SystemExit):  # a cluster that is gone has ended them
                    ray.kill(worker.actor)
            self._workers.clear()
        finally:
            self._leave()

    def begin(self, number: int, piece: Any) -> None:
        """Let a worker that is idle do the piece, or let the piece wait for one."""
        self._waiting.append(_Piece(number, pickle.dumps(piece)))
        if self._stopped:
            self._drop()
        with _explained():
            self._fill()

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return what the workers said.

        Raises:
            HostError: no worker can be started, or the cluster is gone from this host, or has no room for a piece.

        """
        with _explained():
            self._look(timeout)
            self._fill()
        events, self._events = self._events, []
        return events

    def _look(self, timeout: float) -> None:
        """Take in what the workers have answered."""
        asked = {worker.asked: worker for worker in self._workers if worker.asked is not None}
        if asked:
            ready, _ = ray.wait(list(asked), timeout=0 if self._events else timeout, fetch_local=False)
            if ready and len(asked) > 1:  # the others that have answered by now
                ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0, fetch_local=False)
            for answer in ready:
                self._hear(asked[answer])

    def stop(self) -> None:
        """Ask the workers to stop, and begin no more."""
        self._stopped = True
        self._drop()
        for worker in self._workers:
            if worker.piece is not None:
                worker.actor.stop.remote()

    def _hear(self, worker: _Worker) -> None:
        """Take in the answer of an actor."""
        try:
            answer = ray.get(worker.asked)
        except ray.exceptions.RayError as exc:
            if worker.piece is not None:
                worker.piece.losses += 1
            self._lost(worker, f"was lost with its node or its actor ({type(exc).__name__})")
            return
        worker.asked = None
        if worker.ready:
            self._take(worker, answer)
        elif answer is not None:
            raise HostError(answer)
        else:
            worker.ready, self._never_ready = True, 0

    def _take(self, worker: _Worker, messages: Sequence[Message]) -> None:
        """Take in what a worker said, and ask for more while it is at its piece."""
        piece = worker.piece
        if piece is None:
            raise AssertionError("a worker is heard while it is at a piece")
        for kind, content in messages:
            if isinstance(content, str):
                piece.deaths += 1
                self._lost(worker, content)
                return
            self._events.append(Event(kind, piece.number, pickle.loads(content)))  # type: ignore[arg-type]  # noqa: S301  # from a worker of ours
            if kind != "said":
                worker.piece = None
        if worker.piece is not None:
            worker.asked = worker.actor.hear.remote()

    def _lost(self, worker: _Worker, how: str) -> None:
        """Begin the piece of a lost worker again, first of all, unless it was lost too often.

        Raises:
            HostError: workers are lost one after the other before they are ready.

        """
        self._workers.remove(worker)
        ray.kill(worker.actor)
        piece = worker.piece
        if not worker.ready:
            self._never_ready += 1
            if self._never_ready >= _LOSSES:
                raise HostError(f"{_LOSSES} workers in a row were lost before they were ready: the last one {how}")
        elif piece is not None and (self._stopped or piece.given_up):
            others = piece.deaths + piece.losses - 1
            often = f" (as were {others} others with the same piece)" if others else ""
            self._events.append(Event("lost", piece.number, how + often))
        elif piece is not None:
            self._waiting.appendleft(piece)

    def _fill(self) -> None:
        """Hand waiting pieces to idle workers, and hire for those that are left."""
        for worker in self._workers:
            if self._waiting and worker.ready and worker.piece is None:
                worker.piece = self._waiting.popleft()
                worker.actor.give.remote(worker.piece.content)
                worker.asked = worker.actor.hear.remote()
        hired = sum(not worker.ready for worker in self._workers)
        for _ in range(min(len(self._waiting) - hired, self._most - len(self._workers))):
            self._hire()

    def _hire(self) -> None:
        """Ask the cluster for an actor; it is ready as soon as there is room for it."""
        needs = {"num_cpus": self._each.cpus, "num_gpus": self._each.gpus, "memory": self._each.memory_bytes}
        options = {key: value for key, value in needs.items() if value}
        seat: Any = ray.remote(Seat)
        # Threads of its own for what is asked while it hears; spread, so that a lost node takes few workers with it.
        actor = seat.options(**options, max_restarts=0, max_concurrency=4, scheduling_strategy="SPREAD").remote()
        asked = actor.start.remote(self._make, self._each.cpus, str(Path.cwd()), self._environment)
        self._workers.append(_Worker(actor, asked))

    def _drop(self) -> None:
        self._events += [Event("lost", piece.number, "was not begun") for piece in self._waiting]
        self._waiting.clear()
