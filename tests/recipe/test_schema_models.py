"""The recipe's own tables."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from clsfw.recipe.schema import EvidenceSettings, Expect, Recipe, Split


def split(**given):
    return Split.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"method": "in-order", "train": 1},
        {"method": "random", "train": 0.1, "validation": 0.2, "test": 0.7},
        {"method": "stratified", "train": 1.0},
        {"method": "random", "train": 3, "test": 5, "group_by": "text"},
        {"method": "given"},
    ],
)
def test_a_good_split_is_taken(given):
    assert given["method"] == split(**given).method


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"method": "random"}, "missing key 'train'"),
        ({"method": "random", "train": 0.6, "test": 0.5}, r"train and test add up to 1\.1"),
        ({"method": "random", "train": 5, "test": 0.5}, "all counts or all fractions"),
        ({"method": "given", "train": 5}, "leave train out"),
        ({"method": "given", "group_by": "text"}, "leave group_by out"),
        ({"method": "random", "train": True}, "valid integer"),
        ({"method": "random", "train": 5, "group_by": "label"}, "'text'"),
    ],
)
def test_a_bad_split_is_refused(given, words):
    with pytest.raises(ValidationError, match=words):
        split(**given)


def test_sizes_are_those_that_are_given():
    assert {"train": 3, "test": 5} == split(method="random", train=3, test=5).sizes


def test_expectations_are_typed_by_split_and_metric():
    expect = Expect.model_validate_json(
        '{"source": "a paper", "test": {"f1": {"value": 1, "tolerance": 0.5}, "confusion_matrix": [[1, 0], [2, 3]]}}'
    )

    assert ["test"] == list(expect.splits)
    assert (1.0, 0.5) == (expect.splits["test"].targets["f1"].value, expect.splits["test"].targets["f1"].tolerance)
    assert ((1, 0), (2, 3)) == expect.splits["test"].confusion_matrix


def test_a_history_has_one_value_for_each_step():
    good = Expect.model_validate_json('{"history": {"steps": [1, 2], "tolerance": 0.1, "f1": [0.5, 0.6]}}')

    assert {"f1": (0.5, 0.6)} == good.history.values
    with pytest.raises(ValidationError, match="f1 has 1 values for 2 steps"):
        Expect.model_validate_json('{"history": {"steps": [1, 2], "tolerance": 0.1, "f1": [0.5]}}')


@pytest.mark.parametrize("matrix", ["[[1, 2]]", "[[1], [2]]", "[[1, -2], [1, 1]]", "[[1.5]]"])
def test_a_confusion_matrix_is_square_and_counts(matrix):
    with pytest.raises(ValidationError):
        Expect.model_validate_json(f'{{"test": {{"confusion_matrix": {matrix}}}}}')


@pytest.mark.parametrize("name", ["a", "imdb-distilbert", "v1.2", "x_y", "2024", "\u00e9tude", "\u60c5\u611f"])
def test_a_good_name_is_taken(name):
    assert name == Recipe.model_validate({"schema": 1, "name": name}).name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "a\\b", "~", "a b", "a\n", "-x", "a.", "\u202ea", "x" * 151]
)
def test_a_name_that_cannot_be_a_folder_is_refused(name):
    with pytest.raises(ValidationError):
        Recipe.model_validate({"schema": 1, "name": name})


def test_every_key_is_described():
    for model in (Recipe, Split, EvidenceSettings, Expect):
        assert all(field.description for field in model.model_fields.values()), model
