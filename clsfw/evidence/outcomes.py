"""From probabilities to decisions to scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clsfw.contract.parts import Outcome, Prediction
from clsfw.discovery.plugins import guard
from clsfw.errors import PluginError
from clsfw.evidence.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels, Metric
    from clsfw.discovery.plugins import Plugin

_SLACK = 1e-2  # softmax in low precision is off by less
_TAKEN = frozenset({"loss", "split", "step"})  # a line of the history holds these beside the scores


@dataclass(frozen=True)
class NamedMetric:
    """A built metric with the name and the plugin that answer for it."""

    name: str
    plugin: Plugin
    metric: Metric


def check_prediction(prediction: object, rows: int, labels: Labels, who: str) -> Prediction:
    """Return the prediction back if it is what the contract says; `who` names the trainer and its plugin.

    Raises:
        PluginError: a shape or type is wrong, or a probability is none.

    """
    if not isinstance(prediction, Prediction):
        raise PluginError(f"{who} must give a Prediction, not {type(prediction).__name__}")
    check_probabilities(prediction.probabilities, rows, labels, who)
    for name in ("tokens", "truncated"):
        shape = np.shape(getattr(prediction, name))
        if shape != (rows,):
            raise PluginError(f"{who} must give {name} of shape ({rows},), not {shape}")
    return prediction


def check_probabilities(probabilities: NDArray[np.float32], rows: int, labels: Labels, who: str) -> None:
    """See that these are float32 probabilities [N, C] of so many rows.

    Raises:
        PluginError: they are not.

    """
    shape = (rows, len(labels.names))
    kind = getattr(probabilities, "dtype", type(probabilities).__name__)
    if kind != np.float32 or np.shape(probabilities) != shape:
        raise PluginError(
            f"{who} must give probabilities as float32 of shape {shape}, not {kind} of shape {np.shape(probabilities)}"
        )
    # A comparison with NaN is false, so this finds it too.
    if not ((probabilities >= -_SLACK) & (probabilities <= 1 + _SLACK)).all():
        raise PluginError(f"{who} gave probabilities that are not all between 0 and 1")
    if not labels.multi_label and not (np.abs(probabilities.sum(axis=1) - 1) <= _SLACK).all():
        raise PluginError(f"{who} gave probabilities that do not sum to 1 for each text")


def decide(labels: Labels, truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Outcome:
    """Decide the plain way, as during training, where no temperature or threshold is fitted yet."""
    return Outcome(truth, Decision().decide(probabilities, labels), probabilities, labels)


def score(metrics: Sequence[NamedMetric], outcome: Outcome) -> dict[str, float]:
    """Compute every metric of the recipe.

    Raises:
        PluginError: a metric raised, gave no mapping of numbers, gave a number that is not finite, or a taken name.

    """
    scores: dict[str, float] = {}
    for named in metrics:
        with guard(named.plugin, f"metric {named.name!r}"):
            given = named.metric.compute(outcome)
        for key, value in _checked(named, given).items():
            if key in scores:
                raise PluginError(
                    f"{named.plugin}: metric {named.name!r} gives {key!r}, which another metric gave already"
                )
            scores[key] = value
    return scores


def _checked(named: NamedMetric, given: Mapping[str, float]) -> dict[str, float]:
    who = f"{named.plugin}: metric {named.name!r}"
    if not hasattr(given, "items"):
        raise PluginError(f"{who} must give a mapping of names to numbers, not {type(given).__name__}")
    checked: dict[str, float] = {}
    for key, value in given.items():
        if str(key) in _TAKEN:
            raise PluginError(f"{who} gives {key!r}, a name that the run's history takes; the score needs another name")
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise PluginError(f"{who} must give plain numbers, but {key!r} is {type(value).__name__}")
        if not math.isfinite(value):
            raise PluginError(f"{who} gives {key!r} = {value}, which is not a finite number")
        checked[str(key)] = float(value)
    return checked
