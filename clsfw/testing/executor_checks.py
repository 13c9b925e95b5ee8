"""What every executor must do: every piece once, errors as themselves, and no worker left behind."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.contract.parts import Event, Resources
from clsfw.errors import ContractError, DataError
from clsfw.pools import opened
from clsfw.testing.surroundings import require_left_alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from clsfw.contract.parts import Executor, Pool
    from clsfw.discovery.parts import BuiltExecutor
    from clsfw.testing.subject import Subject

_WORKERS, _PIECES = 2, 8
_LIMIT = 120.0  # seconds; a worker may have to be started on another host
_SLOW = 60.0  # seconds
_GONE = 15.0  # seconds within which a worker that was ended is gone


@dataclass(frozen=True)
class Piece:
    """A piece of work: it takes so many seconds, and then fails, or has the double of a number for its outcome."""

    value: int
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(frozen=True)
class Work:
    """Makes what does pieces; what a worker says is where it is."""

    def __call__(self, say: Callable[[Any], None]) -> Callable[[Piece], dict[str, Any]]:
        """Return what does pieces."""

        def do(piece: Piece) -> dict[str, Any]:
            about = {"pid": os.getpid(), "host": platform.node(), "threads": os.environ.get("OMP_NUM_THREADS")}
            say(about)
            time.sleep(piece.seconds)
            if piece.error is not None:
                raise piece.error
            return {**about, "value": 2 * piece.value}

        return do


def every_piece_is_done_once(subject: Subject[Executor]) -> None:
    """Each piece has its own outcome, once, in whatever order they end."""
    pieces = [Piece(value, seconds=0.2 if value == 0 else 0.0) for value in range(_PIECES)]
    with _pool(subject) as pool:
        done = [event for event in _ended(subject, pool, pieces) if event.kind == "done"]
    outcomes = sorted((event.number, event.content["value"]) for event in done)
    if outcomes != [(value, 2 * value) for value in range(_PIECES)]:
        raise ContractError(
            f"{subject}: {_PIECES} pieces have the outcomes {outcomes}; each must be done, and end once"
        )
    threads = {event.content["threads"] for event in done}
    if threads != {"1"}:
        raise ContractError(f"{subject}: a worker that needs one processor has OMP_NUM_THREADS {threads}, not '1'")


def an_error_comes_back_as_itself(subject: Subject[Executor]) -> None:
    """An error of clsfw is the same error, another one is a RuntimeError that names it, and the worker goes on."""
    errors = (DataError("row 3 is empty"), ZeroDivisionError("by zero"), None)
    with _pool(subject, workers=1) as pool:
        events = list(_ended(subject, pool, [Piece(i, error=error) for i, error in enumerate(errors)]))
    told = [(event.kind, event.content) for event in sorted(events, key=lambda event: event.number)]
    kinds = [kind for kind, _ in told]
    if kinds != ["failed", "failed", "done"]:
        raise ContractError(f"{subject}: two pieces that fail and one that does not end as {', '.join(kinds)}")
    own, other = told[0][1], told[1][1]
    if (type(own), str(own)) != (DataError, "row 3 is empty"):
        raise ContractError(f"{subject}: DataError('row 3 is empty') of a piece comes back as {own!r}")
    if not isinstance(other, RuntimeError) or "ZeroDivisionError: by zero" not in str(other):
        raise ContractError(
            f"{subject}: ZeroDivisionError('by zero') of a piece comes back as {other!r}; give a RuntimeError that "
            "says 'ZeroDivisionError: by zero', since another process may not have its class"
        )


def what_a_worker_says_is_heard(subject: Subject[Executor]) -> None:
    """What a worker says while it is at a piece comes before the piece's end, under its number."""
    said: list[int] = []
    with _pool(subject) as pool:
        for event in _ended(subject, pool, [Piece(value) for value in range(3)], said=True):
            if event.kind == "said":
                said.append(event.number)
            elif event.number not in said:
                raise ContractError(f"{subject}: piece {event.number} ended before what its worker had said arrived")


def asked_to_stop_it_begins_no_more(subject: Subject[Executor]) -> None:
    """After `stop` the pieces that were not begun are lost, and the one that was begun ends, done or lost."""
    pieces = [Piece(0, seconds=_SLOW), Piece(1), Piece(2)]
    ended: dict[int, str] = {}
    with _pool(subject, workers=1) as pool:
        for event in _ended(subject, pool, pieces, said=True):
            if event.kind == "said":
                pool.stop()
            else:
                ended[event.number] = event.kind
    if ended != dict.fromkeys(range(3), "lost"):
        raise ContractError(
            f"{subject}: stopped amid its first piece, a worker that heeds no signal must lose it and begin no more; "
            f"the pieces ended as {ended}"
        )


def no_worker_stays(subject: Subject[Executor]) -> None:
    """Left amid a piece, the pool ends its workers at once."""
    worker: Mapping[str, Any] = {}
    with _pool(subject) as pool:
        for event in _ended(subject, pool, [Piece(0, seconds=_SLOW)], said=True):
            worker = event.content
            break
    if worker.get("host") != platform.node():
        return  # it cannot be seen from here
    limit = time.monotonic() + _GONE
    while _lives(worker["pid"]):
        if time.monotonic() > limit:
            with suppress(ProcessLookupError):
                os.kill(worker["pid"], signal.SIGKILL)
            raise ContractError(f"{subject}: a worker goes on after its pool was left; end it, amid its piece too")
        time.sleep(0.05)


def there_are_hosts(subject: Subject[Executor]) -> None:
    """It says what there is: at least one host with a processor."""
    built: BuiltExecutor = subject.build()
    hosts = built.hosts()
    if not hosts or not all(isinstance(host, Resources) for host in hosts) or max(host.cpus for host in hosts) < 1:
        raise ContractError(f"{subject}: hosts gives {hosts!r}; give a Resources for each host, with its processors")


def leaves_surroundings_alone(subject: Subject[Executor]) -> None:
    """Work elsewhere changes neither the working directory nor global random numbers here, and leaves no thread."""

    def work() -> None:
        with _pool(subject, workers=1) as pool:
            list(_ended(subject, pool, [Piece(0)]))

    before = threading.enumerate()  # whoever else is at work in this process
    require_left_alone(subject, work)
    if not all(thread.daemon or thread in before for thread in threading.enumerate()):
        raise ContractError(f"{subject}: a thread of it goes on after its pool was left, and would hold up the command")


def _pool(subject: Subject[Executor], workers: int = _WORKERS) -> AbstractContextManager[Pool]:
    return opened(subject.build(), Work(), workers, Resources(1))


def _ended(subject: Subject[Executor], pool: Pool, pieces: Sequence[Piece], *, said: bool = False) -> Iterator[Event]:
    """Begin the pieces, and give what became known until all have ended."""
    for number, piece in enumerate(pieces):
        pool.begin(number, piece)
    begun = set(range(len(pieces)))
    limit = time.monotonic() + _LIMIT
    while begun:
        if time.monotonic() > limit:
            raise ContractError(f"{subject}: after {_LIMIT:.0f} seconds nothing is known of pieces {sorted(begun)}")
        for event in pool.wait(0.1):
            if not isinstance(event, Event):
                raise ContractError(f"{subject}: wait gives {event!r}, not an Event")
            if event.kind != "said":
                if event.number not in begun:
                    raise ContractError(f"{subject}: piece {event.number} ended twice, or was never begun")
                begun.remove(event.number)
            if said or event.kind != "said":
                yield event


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # the number belongs to another user's process by now
        return False
    status = Path(f"/proc/{pid}/status")  # a process that ended is listed until its parent asks how
    return not (status.is_file() and "State:\tZ" in status.read_text(encoding="utf-8"))


CHECKS = (
    there_are_hosts,
    every_piece_is_done_once,
    an_error_comes_back_as_itself,
    what_a_worker_says_is_heard,
    asked_to_stop_it_begins_no_more,
    no_worker_stays,
    leaves_surroundings_alone,
)
