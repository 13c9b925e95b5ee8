"""What the contract says of predictions, checked: shapes, types, and that probabilities are some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clsfw.contract.parts import Prediction
from clsfw.errors import PluginError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels

_SLACK = 1e-2  # softmax in low precision is off by less


def check_prediction(prediction: object, rows: int, labels: Labels, who: object) -> Prediction:
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


def check_probabilities(probabilities: NDArray[np.float32], rows: int, labels: Labels, who: object) -> None:
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
