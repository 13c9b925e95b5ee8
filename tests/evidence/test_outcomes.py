"""From probabilities to decisions to scores, and what a metric may not give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from clsfw.contract.parts import Labels, Outcome
from clsfw.discovery.parts import BuiltMetric
from clsfw.discovery.plugins import Plugin
from clsfw.errors import PluginError
from clsfw.evidence.outcomes import decide, score
from clsfw.kit.labels import references

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGIN = Plugin("p", "dist-p", "1.0", "ok")
OUTCOME = decide(Labels(("a", "b")), np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]], dtype=np.float32))


class Gives:
    def __init__(self, given: Any) -> None:
        self.given = given

    def compute(self, outcome: Outcome) -> Mapping[str, float]:
        return self.given  # type: ignore[no-any-return]  # a bad metric gives what it likes


def test_the_likeliest_class_is_chosen() -> None:
    assert [0, 0] == OUTCOME.predictions.tolist()


def test_several_labels_are_chosen_each_alone() -> None:
    outcome = decide(
        Labels(("a", "b"), multi_label=True), np.zeros((1, 2), dtype=np.int64), np.array([[0.5, 0.7]], dtype=np.float32)
    )

    assert [[1, 1]] == outcome.predictions.tolist()


def test_several_labels_become_a_matrix() -> None:
    features = Features({"label": List(ClassLabel(names=["a", "b", "c"]))})
    data = Dataset.from_dict({"label": [[2, 0], []]}, features=features)

    assert [[1, 0, 1], [0, 0, 0]] == references(data, Labels(("a", "b", "c"), multi_label=True)).tolist()


def test_one_label_is_read_as_ids() -> None:
    data = Dataset.from_dict(
        {"text": ["x", "y"], "label": [1, 0]},
        features=Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])}),
    )

    assert [1, 0] == references(data, Labels(("a", "b"))).tolist()


def test_two_metrics_may_not_share_a_name() -> None:
    both = [BuiltMetric(PLUGIN, "m", Gives({"f1": 0.5})), BuiltMetric(PLUGIN, "n", Gives({"f1": 0.6}))]

    with pytest.raises(PluginError, match="metric 'n' gives 'f1', which another metric gave already"):
        score(both, OUTCOME)


@pytest.mark.parametrize("name", ["references", "predictions", "probabilities"])
def test_no_metric_can_write_to_what_the_others_are_given(name: str) -> None:
    class Writes:
        def compute(self, outcome: Outcome) -> Mapping[str, float]:
            getattr(outcome, name)[:] = 0
            return {"f1": 1.0}

    with pytest.raises(PluginError, match=r"plugin 'p' .* metric 'm': ValueError: .*read-only .*test_outcomes.py"):
        score([BuiltMetric(PLUGIN, "m", Writes())], OUTCOME)
