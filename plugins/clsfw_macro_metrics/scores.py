"""Macro scores over a fixed set of labels, so that a class missing from the data counts as 0 and never as left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clsfw.kit import clean
from clsfw_macro_metrics import OF_SCOPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Outcome
    from clsfw_macro_metrics import MacroMetricsSettings

_NAMES = ("precision", "recall", "f1")


class MacroMetrics:
    """Scores by scikit-learn with fixed labels and `zero_division=0`."""

    def __init__(self, settings: MacroMetricsSettings) -> None:
        self._settings = settings

    def compute(self, outcome: Outcome) -> Mapping[str, float]:
        """Return precision, recall, f1 (macro) and accuracy.

        With several labels per text, accuracy is the share of texts whose labels are all right, and the micro averages
        come too.
        """
        # Imported here and not above: it takes more than a second, and nothing needs it before the first evaluation.
        from sklearn.metrics import accuracy_score, precision_recall_fscore_support

        names = outcome.labels.names

        def averaged(average: str | None) -> tuple[Any, ...]:
            scores = precision_recall_fscore_support(
                outcome.references, outcome.predictions, labels=range(len(names)), average=average, zero_division=0
            )
            return tuple(scores[: len(_NAMES)])

        given = dict(zip(_NAMES, averaged("macro"), strict=True))
        given["accuracy"] = accuracy_score(outcome.references, outcome.predictions)
        if outcome.labels.multi_label:
            given |= {f"micro_{name}": value for name, value in zip(_NAMES, averaged("micro"), strict=True)}
        if self._settings.per_label:
            for score, values in zip(_NAMES, averaged(None), strict=True):
                given |= {f"{score}_{clean(name)}": value for name, value in zip(names, values, strict=True)}
        if self._settings.out_of_scope is not None:
            given |= _of_scope(outcome, names.index(self._settings.out_of_scope))
        return {name: float(value) for name, value in given.items()}


def _of_scope(outcome: Outcome, outside: int) -> dict[str, float]:
    """Return how many texts of the other classes are right, and how well those of none of them are found."""
    truth, found = outcome.references == outside, outcome.predictions == outside
    right = outcome.references == outcome.predictions
    both = (truth & found).sum()
    shares = [
        (right & ~truth).sum() / max(1, (~truth).sum()),
        both / max(1, found.sum()),
        both / max(1, truth.sum()),
    ]
    return dict(zip(OF_SCOPE, map(float, shares), strict=True))
