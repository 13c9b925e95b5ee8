"""From probabilities to decisions to scores, and what a metric may not give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from clsfw.contract.parts import Labels, Outcome, Prediction
from clsfw.discovery.plugins import Plugin
from clsfw.errors import PluginError
from clsfw.evidence.outcomes import NamedMetric, check_prediction, decide, score
from clsfw.kit.labels import references

if TYPE_CHECKING:
    from collections.abc import Mapping

PLUGIN = Plugin("p", "dist-p", "1.0", "ok")
OUTCOME = decide(Labels(("a", "b")), np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]], dtype=np.float32))


class Gives:
    def __init__(self, given: Any) -> None:
        self.given = given

    def compute(self, outcome: Outcome) -> Mapping[str, float]:
        if isinstance(self.given, Exception):
            raise self.given
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


def test_numbers_of_numpy_become_plain_ones() -> None:
    scores = score([NamedMetric("m", PLUGIN, Gives({"f1": np.float32(0.5)}))], OUTCOME)

    assert {"f1": 0.5} == scores
    assert float is type(scores["f1"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"f1": float("nan")}, "'f1' = nan, which is not a finite number"),
        ({"f1": [0.5]}, "plain numbers, but 'f1' is list"),
        ({"f1": True}, "plain numbers, but 'f1' is bool"),
        (None, "must give a mapping of names to numbers, not NoneType"),
        ({"f1": 0.5, "loss": 0.1}, "metric 'm' gives 'loss', a name that the run's history takes"),
        ({"split": 0.1}, "gives 'split', a name"),
        ({"step": 0.1}, "gives 'step', a name"),
        (ValueError("boom"), "failed in metric 'm': ValueError: boom"),
    ],
)
def test_what_a_metric_may_not_give_names_its_plugin(given: Any, words: str) -> None:
    with pytest.raises(PluginError, match=rf"plugin 'p' \(dist-p 1.0\).*{words}"):
        score([NamedMetric("m", PLUGIN, Gives(given))], OUTCOME)


def test_two_metrics_may_not_share_a_name() -> None:
    both = [NamedMetric("m", PLUGIN, Gives({"f1": 0.5})), NamedMetric("n", PLUGIN, Gives({"f1": 0.6}))]

    with pytest.raises(PluginError, match="metric 'n' gives 'f1', which another metric gave already"):
        score(both, OUTCOME)


def good_prediction(**changes):
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], np.float32)
    values = {"probabilities": probabilities, "tokens": np.array([3, 4, 5]), "truncated": np.zeros(3, bool)}
    return Prediction(**values | changes)


def test_a_prediction_that_keeps_the_contract_is_given_back():
    prediction = good_prediction()
    assert check_prediction(prediction, 3, Labels(("a", "b")), "who") is prediction


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": np.full((3, 2), np.nan, np.float32)}, "not all between 0 and 1"),
        ({"probabilities": np.array([[2, -1]] * 3, np.float32)}, "not all between 0 and 1"),
        ({"probabilities": np.full((3, 2), 0.9, np.float32)}, "do not sum to 1"),
        (
            {"probabilities": np.full((2, 2), 0.5, np.float32)},
            r"float32 of shape \(3, 2\), not float32 of shape \(2, 2\)",
        ),
        ({"probabilities": np.full((3, 2), 0.5)}, "not float64 of shape"),
        ({"probabilities": [[0.5, 0.5]] * 3}, "not list of shape"),
        ({"tokens": np.array([1, 2])}, r"tokens of shape \(3,\), not \(2,\)"),
        ({"truncated": np.zeros((3, 1), bool)}, r"truncated of shape \(3,\), not \(3, 1\)"),
    ],
)
def test_a_prediction_that_breaks_the_contract_names_the_trainer(changes, message):
    with pytest.raises(PluginError, match=f"^plugin 'x': its trainer .*{message}"):
        check_prediction(good_prediction(**changes), 3, Labels(("a", "b")), "plugin 'x': its trainer")


def test_no_prediction_at_all_names_the_trainer():
    with pytest.raises(PluginError, match=r"^plugin 'x': its trainer must give a Prediction, not NoneType$"):
        check_prediction(None, 3, Labels(("a", "b")), "plugin 'x': its trainer")


def test_several_labels_need_not_sum_to_1():
    prediction = good_prediction(probabilities=np.full((3, 2), 0.9, np.float32))
    check_prediction(prediction, 3, Labels(("a", "b"), multi_label=True), "who")
