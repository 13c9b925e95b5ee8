"""One thread that predicts what many requests ask for, as large a batch at a time as the budget of tokens allows.

Nobody waits for a batch to fill: the thread takes what has come in while it worked on the batch before.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from clsfw.serving.limits import BATCH_TOKENS, QUEUE_TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHARACTERS_A_TOKEN = 4.0  # until texts were seen
_NEWEST = 0.2  # what the newest batch weighs in the estimates
_LONGEST_WAIT = 60  # seconds that a client is asked to wait at most


class Overloaded(Exception):  # noqa: N818  # a state that passes
    """The queue is full; `seconds` says when it is worth asking again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Answers(Protocol):
    """What answers texts: one answer for each, and how many tokens they had in all."""

    def __call__(self, texts: Sequence[str], *, explain: bool) -> tuple[Sequence[Any], int]:
        """Answer."""


class Watches(Protocol):
    """What hears of each batch."""

    def batch(self, texts: int, tokens: int, seconds: float) -> None:
        """Hear of a batch that was predicted."""

    def waiting(self, texts: int) -> None:
        """Hear how many texts are accepted and not answered."""

    def failed(self, exc: Exception) -> None:
        """Hear that the model failed on a request."""


@dataclass(eq=False)
class _Job:
    texts: Sequence[str]
    explain: bool
    characters: int
    answer: asyncio.Future[list[Any]]


@dataclass(eq=False)
class Batcher:
    """Takes texts from the event loop, and answers them from a thread of its own."""

    answers: Answers
    watch: Watches
    _jobs: deque[_Job] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _open_texts: int = 0
    _closing: bool = False
    _thread: threading.Thread | None = None
    _characters_a_token: float = _CHARACTERS_A_TOKEN
    _texts_a_second: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether requests are taken."""
        return self._thread is not None and self._thread.is_alive() and not self._closing

    def start(self) -> None:
        """Begin to answer."""
        self._thread = threading.Thread(target=self._work, name="predicting", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Answer what was accepted, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    async def ask(self, texts: Sequence[str], *, explain: bool) -> list[Any]:
        """Return an answer for each text; where the caller is cancelled, the texts are not predicted.

        Raises:
            Overloaded: too many texts wait already.

        """
        job = _Job(texts, explain, sum(map(len, texts)), asyncio.get_running_loop().create_future())
        if self._open_texts + len(texts) > QUEUE_TEXTS:
            raise Overloaded(self._wait())
        self._count(len(texts))
        try:
            with self._changed:
                self._jobs.append(job)
                self._changed.notify()
            return await job.answer
        finally:
            with self._changed:
                if job in self._jobs:  # its caller has gone away
                    self._jobs.remove(job)
            self._count(-len(texts))

    def _count(self, texts: int) -> None:
        self._open_texts += texts
        self.watch.waiting(self._open_texts)

    def _wait(self) -> int:
        """Estimate the seconds until what waits now is answered."""
        seconds = self._open_texts / self._texts_a_second if self._texts_a_second else 1.0
        return max(1, min(_LONGEST_WAIT, math.ceil(seconds)))

    def _work(self) -> None:
        while jobs := self._next():
            self._answer(jobs)

    def _next(self) -> list[_Job]:
        """Wait for requests and return those that fit into a batch; none: it is time to end."""
        jobs: list[_Job] = []
        characters = 0
        budget = BATCH_TOKENS * self._characters_a_token
        with self._changed:
            while True:
                while self._jobs and (not jobs or characters + self._jobs[0].characters <= budget):
                    job = self._jobs.popleft()
                    jobs.append(job)
                    characters += job.characters
                if jobs or self._closing:
                    return jobs
                self._changed.wait()

    def _answer(self, jobs: Sequence[_Job]) -> None:
        texts = [text for job in jobs for text in job.texts]
        began = time.perf_counter()
        try:
            answers, tokens = self.answers(texts, explain=any(job.explain for job in jobs))
        except Exception as exc:  # noqa: BLE001  # whatever a model does, the next request is answered
            if len(jobs) > 1:  # the others must not suffer from one
                for job in jobs:
                    self._answer([job])
            else:
                self.watch.failed(exc)
                _give(jobs, [exc])
            return
        self._learn(texts, tokens, time.perf_counter() - began)
        given = iter(answers)
        _give(jobs, [[next(given) for _ in job.texts] for job in jobs])

    def _learn(self, texts: Sequence[str], tokens: int, seconds: float) -> None:
        self.watch.batch(len(texts), tokens, seconds)
        speed = len(texts) / max(seconds, 1e-6)
        self._texts_a_second = speed if not self._texts_a_second else _mixed(self._texts_a_second, speed)
        measured = sum(map(len, texts)) / max(tokens, 1)
        self._characters_a_token = _mixed(self._characters_a_token, max(measured, 1.0))


def _mixed(old: float, new: float) -> float:
    return (1 - _NEWEST) * old + _NEWEST * new


def _give(jobs: Sequence[_Job], answers: Sequence[list[Any] | Exception]) -> None:
    """Hand answers over to the event loop that waits for them."""

    def give() -> None:
        for job, answer in zip(jobs, answers, strict=True):
            if job.answer.done():  # cancelled meanwhile
                continue
            if isinstance(answer, Exception):
                job.answer.set_exception(ModelFailed())
            else:
                job.answer.set_result(answer)

    jobs[0].answer.get_loop().call_soon_threadsafe(give)


class ModelFailed(Exception):  # noqa: N818  # whose words are not for clients
    """The model failed on a request; the words of its error may hold texts, so they are not kept."""
