"""The metric `macro-metrics`: macro precision, recall and F1, and accuracy, by scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from clsfw import Component, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Metric

MACRO = ("precision", "recall", "f1", "accuracy")
MICRO = ("micro_precision", "micro_recall", "micro_f1")


class MacroMetricsSettings(Settings):
    """Options of `macro-metrics`."""

    per_label: bool = Field(
        default=False, description="also give precision_<label>, recall_<label> and f1_<label> for each label"
    )

    def score_names(self) -> Mapping[str, bool]:
        """Return the names known before the labels are; the micro averages come with several labels per text only."""
        return dict.fromkeys(MACRO + MICRO, True)


def build(settings: MacroMetricsSettings) -> Metric:
    """Build the metric."""
    from clsfw_macro_metrics.scores import MacroMetrics

    return MacroMetrics(settings)


@hookimpl
def register_metrics() -> list[Component[Metric]]:
    """Contribute `macro-metrics`."""
    return [
        Component(
            name="macro-metrics",
            summary="precision, recall and F1 averaged over the classes, and accuracy (scikit-learn)",
            settings=MacroMetricsSettings,
            build=build,
        )
    ]
