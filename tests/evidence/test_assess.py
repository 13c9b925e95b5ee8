from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from clsfw.errors import DataError
from clsfw.evidence.assess import Decision, assess


def numbers(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value


SHAPES = {
    "two classes": {},
    "77 classes": {"names": tuple(f"intent {i}" for i in range(77))},
    "several labels": {"names": ("a", "b", "c"), "multi_label": True},
    "no validation": {"sizes": {"train": 20, "test": 50}},
    "no test": {"sizes": {"train": 20, "validation": 50}, "predicted": ("validation",)},
    "test alone": {"sizes": {"test": 30}},
    "train alone": {"sizes": {"train": 30}, "predicted": ("train",)},
    "one row": {"sizes": {"train": 5, "test": 1}},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_data_gives_finite_json(facts, shape):
    metrics = assess(facts(**shape))
    text = json.dumps(metrics, allow_nan=False)
    assert json.loads(text) == metrics
    assert all(math.isfinite(number) for number in numbers(metrics))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_same_facts_give_the_same_bytes(facts, shape):
    assert json.dumps(assess(facts(**shape))) == json.dumps(assess(facts(**shape)))


def test_scores_stand_under_their_split_and_limits_under_intervals(facts):
    metrics = assess(facts(scores={"test": {"accuracy": 0.5}}))
    assert metrics["test"] == {"accuracy": 0.5}
    assert set(metrics["intervals"]["test"]) >= {"precision", "recall", "f1"}


def test_an_interval_holds_its_score(facts):
    metrics = assess(facts())
    low, high = metrics["intervals"]["test"]["f1"]
    assert low < metrics["classification_report"]["test"]["macro avg"]["f1"] < high


def test_a_score_that_means_something_else_lends_its_name_to_no_interval(facts):
    limits = assess(facts(scores={"test": {"f1": 0.123}}))["intervals"]["test"]
    assert list(limits) == ["accuracy", "precision", "recall", "macro_f1"]


def test_confusion_matrix_counts_true_classes_down_and_predicted_across(facts):
    given = facts()
    matrix = assess(given)["confusion_matrix"]["test"]
    true = np.array(given.data["test"]["label"])
    said = given.predictions["test"].probabilities.argmax(axis=1)
    assert matrix == [[int(((true == i) & (said == j)).sum()) for j in (0, 1)] for i in (0, 1)]


def test_a_class_missing_from_validation_is_named(facts):
    metrics = assess(facts({"train": 40, "validation": 1, "test": 40}))
    assert len(metrics["missing_classes"]["validation"]) == 1
    assert metrics["missing_classes"]["test"] == []


@pytest.mark.parametrize(("longest", "width", "bars"), [(1, 1, 1), (40, 1, 40), (41, 2, 21), (512, 13, 40)])
def test_bars_of_lengths_are_equally_many_whole_tokens_wide(facts, longest, width, bars):
    given = facts()
    prediction = given.predictions["test"]
    tokens = np.resize(np.arange(1, longest + 1), len(prediction.tokens))
    tokens[-1] = longest
    given = replace(given, predictions={**given.predictions, "test": replace(prediction, tokens=tokens)})

    drawn = assess(given)["truncation"]["test"]["histogram"]

    assert drawn["edges"] == [1 + width * n for n in range(bars + 1)]
    assert sum(drawn["counts"]) == len(tokens)


def test_worst_mistakes_come_first_with_their_row_in_the_source(facts):
    given = facts()
    mistakes = assess(given)["mistakes"]["test"]
    assert [m["confidence"] for m in mistakes] == sorted((m["confidence"] for m in mistakes), reverse=True)
    assert all(m["row"] == 2000 + m["index"] and m["gold"] != m["predicted"] for m in mistakes)


def test_mistakes_of_several_labels_name_all_of_them(facts):
    mistake = assess(facts(names=("a", "b", "c"), multi_label=True))["mistakes"]["test"][0]
    assert isinstance(mistake["gold"], list)
    assert mistake["gold"] != mistake["predicted"]


def test_leaked_test_rows_are_left_out_of_the_second_score(facts, dataset):
    given = facts()
    rows = given.data["test"]
    train = dataset(rows["text"][:7], rows["label"][:7], given.labels.names)
    leaks = assess(facts_with(given, train=train))["leaks"]
    assert leaks["train_test"]["exact"] == 7
    assert leaks["test_without_leaks"]["rows"] == 193
    said = given.predictions["test"].probabilities.argmax(axis=1)
    right = said[7:] == np.array(rows["label"])[7:]
    assert leaks["test_without_leaks"]["scores"]["accuracy"] == pytest.approx(right.mean())


def test_scores_stay_finite_when_every_test_row_leaks(facts):
    given = facts()
    leaks = assess(facts_with(given, train=given.data["test"]))["leaks"]
    assert leaks["test_without_leaks"]["rows"] == 0
    assert leaks["test_without_leaks"]["scores"] is None


def facts_with(given, **splits):
    return replace(given, data={**given.data, **splits})


def test_a_temperature_changes_the_calibration_and_keeps_the_labels(facts):
    plain = assess(facts())
    scaled = assess(facts(decision=Decision(temperature=2.0)))
    assert scaled["confusion_matrix"] == plain["confusion_matrix"]
    before = scaled["calibration"]["test"]["before_scaling"]
    assert before == {name: plain["calibration"]["test"][name] for name in before}


def test_a_tuned_threshold_says_where_it_was_tuned(facts):
    metrics = assess(facts(decision=Decision(threshold=0.3)))
    tuned = metrics["thresholds"]["test"]["tuned"]
    assert tuned["tuned_on"] == "validation"
    (_, a), (_, b) = metrics["confusion_matrix"]["test"]
    assert tuned["precision"] == pytest.approx(b / (a + b))


def test_three_classes_have_no_threshold_table(facts):
    assert "thresholds" not in assess(facts(names=("a", "b", "c")))


@pytest.mark.parametrize(
    ("shape", "asked", "message"),
    [
        (
            {"sizes": {"train": 9, "test": 9}},
            {"temperature_scaling": True},
            "temperature_scaling needs a validation split",
        ),
        ({"names": ("a", "b", "c")}, {"tune_threshold": True}, "is for two classes; this data has 3 classes"),
        ({"multi_label": True}, {"tune_threshold": True}, "this data has several labels per text"),
        ({}, {"slices": ("genre",)}, "the train split has no column 'genre'; it has 'text', 'label', 'row'"),
    ],
)
def test_what_the_data_cannot_give_is_refused(facts, options, shape, asked, message):
    with pytest.raises(DataError, match=message):
        assess(facts(**shape, options=options(**asked)))
