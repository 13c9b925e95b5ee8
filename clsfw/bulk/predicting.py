"""Lets the workers of an executor predict texts, in the chunks in which one process does: so the bits are the same."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw.bulk.crew import share_out
from clsfw.bulk.task import identity_of
from clsfw.errors import HostError, UsageError
from clsfw.inference.classifier import load_classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from clsfw.bulk.crew import Crew
    from clsfw.contract.parts import Prediction
    from clsfw.kit.pairs import Text


@dataclass(frozen=True)
class LoadRun:
    """Begins a worker: loads the run, and returns what predicts a chunk of texts with it."""

    run: str
    identity: str
    allow_incomplete: bool = False
    allow_code: bool = False

    def __call__(self, _: Callable[[Any], None]) -> Callable[[Sequence[Text]], Prediction]:
        """Load the run.

        Raises:
            UsageError: it is not the one that the command has loaded.

        """
        classifier = load_classifier(self.run, allow_incomplete=self.allow_incomplete, allow_code=self.allow_code)
        if identity_of(classifier.record) != self.identity:
            raise UsageError(f"{self.run}: a worker sees another run there than this command, or the run has changed")
        return classifier.raw_prediction


def predict_by(crew: Crew, load: LoadRun, chunks: Iterator[Sequence[Text]]) -> Generator[Prediction]:
    """Return what the workers of a crew predict for chunks of texts, in their order.

    Raises:
        UsageError: there is no such executor, or a worker sees another run.
        HostError: the executor cannot work, or its workers were lost.
        ClsfwError: what ended the prediction of a chunk.

    """
    early: dict[int, Prediction] = {}
    following = 0
    with closing(share_out(crew, load, enumerate(chunks))) as events:
        for event in events:
            if event.kind == "lost":
                raise HostError(f"a worker {event.content}; the same command begins again")
            if event.kind == "done":
                early[event.number] = event.content
            while following in early:
                yield early.pop(following)
                following += 1
