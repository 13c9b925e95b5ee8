"""Labels pieces in this process, or by the workers of an executor, each of which loads the run once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from clsfw.bulk.labeller import Labeller
from clsfw.contract.parts import Resources
from clsfw.discovery.plugins import discover
from clsfw.errors import ClsfwError, HostError
from clsfw.pools import find_executor, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from clsfw.bulk.labeller import Proof
    from clsfw.bulk.pieces import Piece
    from clsfw.bulk.task import Task
    from clsfw.contract.parts import Event
    from clsfw.pools import Make

_WAIT = 0.2  # seconds between two looks
_AHEAD = 2  # pieces at hand for each worker, so that none waits for the next one


@dataclass(frozen=True)
class Crew:
    """Where pieces are labelled: by which executor, by how many workers (None: as many as there is room for).

    Each worker computes with so many `threads`.
    """

    on: str
    jobs: int | None = None
    threads: int = 1


@dataclass(frozen=True)
class Begin:
    """Begins a worker: loads the run, and returns what labels a piece with it."""

    task: Task

    def __call__(self, say: Callable[[Any], None]) -> Callable[[Piece], Proof]:
        """Load the run; `say` gets a piece's number and how many of its rows are labelled."""
        labeller = Labeller(self.task)
        return lambda piece: labeller.label(piece, lambda rows: say((piece.number, rows)))


def label_by(
    crew: Crew, task: Task, pieces: Sequence[Piece], said: Callable[[int, int], None]
) -> Generator[tuple[Piece, Proof]]:
    """Label pieces, and return each with its proof as it is done; `said` gets a piece's number and its labelled rows.

    Raises:
        UsageError: there is no such executor.
        HostError: it cannot work, or its workers were lost.
        ClsfwError: what ended the labelling of a piece; see `Labeller.label`.

    """
    at_work = {piece.number: piece for piece in pieces}
    with closing(share_out(crew, Begin(task), at_work.items())) as events:
        for event in events:
            if event.kind == "said":
                said(*event.content)
            elif event.kind == "done":
                yield at_work[event.number], event.content
            else:
                part = task.part(at_work[event.number])
                raise HostError(f"{part}: its worker {event.content}; the same command goes on")


def share_out(crew: Crew, make: Make, pieces: Iterable[tuple[int, Any]]) -> Generator[Event]:
    """Let the workers of a crew do pieces, each with its number, and return what becomes known of them.

    Pieces are taken a few ahead of the workers. `make` is what `Executor.open` takes.

    Raises:
        UsageError: there is no such executor.
        HostError: it cannot work.
        ClsfwError: what ended the work at a piece.

    """
    executor = find_executor(crew.on, discover())
    hosts = executor.hosts()
    gpus = sum(host.gpus for host in hosts)
    room = gpus or sum(max(1, host.cpus // crew.threads) for host in hosts)
    workers = crew.jobs or room
    left = iter(pieces)
    first = list(islice(left, workers * _AHEAD))
    if not first:
        return
    workers = min(workers, len(first))  # no worker loads the run for nothing
    left = chain(first, left)
    at_work: set[int] = set()
    with opened(executor, make, workers, Resources(cpus=crew.threads, gpus=1 if gpus else 0)) as pool:
        while True:
            for number, piece in islice(left, workers * _AHEAD - len(at_work)):
                at_work.add(number)
                pool.begin(number, piece)
            if not at_work:
                return
            for event in pool.wait(_WAIT):
                if event.kind == "failed":
                    raise _failed(event.content, crew)
                if event.kind != "said":
                    at_work.remove(event.number)
                yield event


def label_here(task: Task, pieces: Sequence[Piece], said: Callable[[int, int], None]) -> Generator[tuple[Piece, Proof]]:
    """Do as `label_by` in this process, one piece after the other."""
    labeller = Labeller(task)
    for piece in pieces:
        yield piece, labeller.label(piece, lambda rows, number=piece.number: said(number, rows))  # type: ignore[misc]


def _failed(error: BaseException, crew: Crew) -> BaseException:
    return error if isinstance(error, ClsfwError) else RuntimeError(f"a worker on {crew.on}: {error}")
