"""From a trainer's probabilities to final ones and to labels: a temperature and a threshold, both out of validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clsfw.errors import DataError
from clsfw.evidence.calibration import fit_temperature, scale
from clsfw.evidence.slices import check_slices
from clsfw.evidence.thresholds import tune

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels
    from clsfw.evidence.metrics import DecisionRecord

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]

_TWO = 2


class Options(Protocol):
    """The recipe's `[evidence]` table."""

    @property
    def temperature_scaling(self) -> bool:
        """Whether to fit a temperature on validation and scale all probabilities by it."""

    @property
    def tune_threshold(self) -> bool:
        """Whether to choose the deciding threshold of two classes on validation."""

    @property
    def slices(self) -> Sequence[str]:
        """Further columns of the data to give scores by."""


@dataclass(frozen=True)
class Decision:
    """How probabilities become labels; None stands for the plain way.

    `temperature` divides the logits. `threshold` is the least probability at which the second of two classes is chosen.
    """

    temperature: float | None = None
    threshold: float | None = None

    def scale(self, probabilities: Floats, labels: Labels) -> Floats:
        """Return the final probabilities [N, C] for those of the trainer."""
        if self.temperature is None:
            return probabilities
        return scale(probabilities, self.temperature, multi_label=labels.multi_label)

    def decide(self, probabilities: Floats, labels: Labels) -> Ints:
        """Decide on final probabilities: int [N] of class ids, or with several labels per text 0/1 [N, C]."""
        chosen: Ints
        if labels.multi_label:
            chosen = (probabilities >= 0.5).astype(np.int64)  # noqa: PLR2004  # more likely than not
        elif self.threshold is not None:
            chosen = (probabilities[:, 1] >= np.float32(self.threshold)).astype(np.int64)
        else:
            chosen = probabilities.argmax(axis=1).astype(np.int64)
        return chosen

    def to_json(self) -> DecisionRecord:
        """Return what `from_json` takes."""
        return {"temperature": self.temperature, "threshold": self.threshold}

    @classmethod
    def from_json(cls, given: DecisionRecord | None) -> Decision:
        """Take what `to_json` gave; None means the plain way."""
        return cls(given["temperature"], given["threshold"]) if given else cls()


def check_options(options: Options, labels: Labels, data: Mapping[str, Dataset]) -> None:
    """See, before any training, that what `[evidence]` asks for can be had from this data.

    Raises:
        DataError: a split, a column or the number of classes does not allow it.

    """
    for name in ("temperature_scaling", "tune_threshold"):
        if getattr(options, name) and "validation" not in data:
            raise DataError(f"[evidence] {name} needs a validation split; give one in [split], or leave it out")
    if options.tune_threshold and (labels.multi_label or len(labels.names) != _TWO):
        kind = "several labels per text" if labels.multi_label else f"{len(labels.names)} classes"
        raise DataError(f"[evidence] tune_threshold is for two classes; this data has {kind}")
    check_slices(options.slices, data)


def fit_decision(options: Options, labels: Labels, references: Ints, probabilities: Floats) -> Decision:
    """Choose temperature and threshold, as far as the options ask for them, on the validation split alone."""
    decision = Decision(fit_temperature(references, probabilities) if options.temperature_scaling else None)
    if not options.tune_threshold:
        return decision
    final = decision.scale(probabilities, labels)
    return Decision(decision.temperature, tune(references == 1, final[:, 1], macro=True))
