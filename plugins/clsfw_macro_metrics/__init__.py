"""The metric `macro-metrics`: macro precision, recall and F1, and accuracy, by scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from clsfw import Component, Settings, hookimpl
from clsfw.kit import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clsfw import Metric, PlanFacts

MACRO = ("precision", "recall", "f1", "accuracy")
MICRO = ("micro_precision", "micro_recall", "micro_f1")
OF_SCOPE = ("in_scope_accuracy", "out_of_scope_precision", "out_of_scope_recall")


class MacroMetricsSettings(Settings):
    """Options of `macro-metrics`."""

    per_label: bool = Field(
        default=False, description="also give precision_<label>, recall_<label> and f1_<label> for each label"
    )
    out_of_scope: str | None = Field(
        default=None,
        description="the label of texts that belong to none of the other classes: it and they then have scores of "
        "their own",
    )

    def score_names(self) -> Mapping[str, bool]:
        """Return the names known before the labels are; the micro averages come with several labels per text only."""
        return dict.fromkeys(MACRO + MICRO + (() if self.out_of_scope is None else OF_SCOPE), True)

    def check_plan(self, facts: PlanFacts) -> Iterator[tuple[str, str]]:
        """See that the label is one of the data's; see `ChecksPlan`."""
        if self.out_of_scope is None or facts.labels is None:
            return
        if facts.labels.multi_label:
            yield (
                "out_of_scope",
                "needs one label per text: where a text may carry several, one without any is out of scope",
            )
        elif self.out_of_scope not in facts.labels.names:
            near = did_you_mean(self.out_of_scope, facts.labels.names)
            yield "out_of_scope", f"the data has no label {self.out_of_scope!r}{near}"


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
