"""Copies of weights, and the weights of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from clsfw.contract.parts import Labels
from clsfw.errors import TrainingError
from clsfw_torch.settings import TorchTrainerSettings
from clsfw_torch.weights import class_weights, load_weights, weights

LABELS = Labels(("a", "b", "c"))


def test_copies_do_not_follow_the_module_and_can_be_put_back() -> None:
    module = torch.nn.BatchNorm1d(3)
    kept = weights(module)
    with torch.no_grad():
        module.weight += 1
        module.running_mean += 2

    assert kept["weight"].tolist() == [1.0, 1.0, 1.0]
    assert kept["running_mean"].tolist() == [0.0, 0.0, 0.0]

    load_weights(module, kept)
    assert module.weight.tolist() == [1.0, 1.0, 1.0]
    assert module.running_mean.tolist() == [0.0, 0.0, 0.0]


def test_a_tensor_with_two_names_is_copied_once() -> None:
    module = torch.nn.ModuleDict({"one": torch.nn.Linear(2, 2, bias=False), "two": torch.nn.Linear(2, 2, bias=False)})
    module["two"].weight = module["one"].weight

    assert list(weights(module)) == ["one.weight"]


def test_two_tensors_that_share_their_beginning_are_both_copied() -> None:
    whole = torch.zeros(4)
    module = torch.nn.Module()
    module.register_buffer("whole", whole)
    module.register_buffer("part", whole[:2])

    assert list(weights(module)) == ["whole", "part"]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    references = np.array([0, 0, 0, 1, 2, 2])

    given = class_weights(TorchTrainerSettings(class_weights="balanced"), LABELS, references)

    np.testing.assert_allclose(given, compute_class_weight("balanced", classes=np.arange(3), y=references))


@pytest.mark.parametrize(
    ("asked", "expected"), [(None, None), ([0.5, 2.0, 1.0], [0.5, 2.0, 1.0]), ({"b": 2.0}, [1.0, 2.0, 1.0])]
)
def test_weights_that_are_given(asked: Any, expected: list[float] | None) -> None:
    given = class_weights(TorchTrainerSettings(class_weights=asked), LABELS, np.array([0, 1, 2]))

    assert (None if given is None else given.tolist()) == expected


def test_a_class_without_texts_cannot_be_balanced() -> None:
    with pytest.raises(TrainingError, match="no training text has the label 'c'"):
        class_weights(TorchTrainerSettings(class_weights="balanced"), LABELS, np.array([0, 1, 1]))
