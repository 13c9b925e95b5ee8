"""A trainer that counts words, a chunk of texts at a time."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import clsfw
import numpy as np
from datasets import Dataset

from .words import Counts

if TYPE_CHECKING:
    from clsfw import Run


class Counting:
    needs: ClassVar[type[Any]] = Counts

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk

    def fit(self, model: Counts, data: Mapping[str, Dataset], run: "Run") -> None:
        train = data["train"]
        if len(train) == 0:
            raise clsfw.TrainingError("there are no training texts to count")
        first = 1
        checkpoint = run.checkpoints.latest()
        if checkpoint is not None:  # this run was interrupted: go on from there
            model.table = np.load(checkpoint.path / "table.npy", allow_pickle=False)
            first = checkpoint.step + 1
        last = -(-len(train) // self.chunk)  # rounded up
        for step in range(first, last + 1):
            chunk = train[(step - 1) * self.chunk : step * self.chunk]
            for text, label in zip(chunk["text"], chunk["label"], strict=True):
                np.add.at(model.table, (model.rows(text), label), 1)
            found = model.probabilities(chunk["text"])
            chances = found[np.arange(len(found)), chunk["label"]]
            run.log(step, {"loss": float(-np.log(chances.clip(1e-9)).mean())})
            if step == last and "validation" in data:
                found = model.probabilities(data["validation"]["text"])
                run.evaluate(step, "validation", found)
            stop = run.stop_requested
            if step == last or stop:
                run.checkpoints.commit(
                    step, lambda folder: np.save(folder / "table.npy", model.table)
                )
            if stop:
                run.stop()

    def predict(
        self, model: Counts, texts: Sequence[str], reporter: clsfw.Reporter
    ) -> clsfw.Prediction:
        lengths = np.array([len(text.split()) for text in texts], dtype=np.int64)
        nothing_cut = np.zeros(len(texts), dtype=bool)
        return clsfw.Prediction(model.probabilities(texts), lengths, nothing_cut)
