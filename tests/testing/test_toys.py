"""The kit's own data, toys and fixtures."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clsfw import Component, Settings
from clsfw.errors import ContractError
from clsfw.testing import ToyModel, ToyTrainer, check_metric, check_model, check_trainer, toy_splits
from clsfw.testing.encoder import TinyEncoder
from clsfw.testing.fixtures import clsfw_splits, clsfw_tiny_encoder, clsfw_toy_model, clsfw_toy_trainer  # noqa: F401  # pytest finds them here
from clsfw.testing.harness import PlainScores
from clsfw.testing.samples import SEVERAL, THREE


def component(build):
    return Component(name="toy", summary="s", settings=Settings, build=lambda _: build())


def test_the_toys_keep_the_whole_contract():
    check_model(component(ToyModel), trainer=ToyTrainer(steps=2))
    check_trainer(component(lambda: ToyTrainer(steps=2)), model=component(ToyModel))


def test_the_plain_scores_keep_the_contract():
    check_metric(component(PlainScores))


def test_a_failure_of_several_checks_tells_them_all():
    class Silent(ToyModel):
        def load(self, directory):
            raise KeyError("weights")

    with pytest.raises(ContractError) as caught:
        check_model(component(Silent), trainer=component(ToyTrainer))

    assert 6 == len(str(caught.value).splitlines())


def test_every_class_has_a_word_of_its_own():
    rows = toy_splits(THREE)["train"].to_list()

    assert [] == [row for row in rows if f"sign{row['label']}" not in row["text"]]


def test_several_labels_show_none_one_and_all():
    counts = {len(ids) for ids in toy_splits(SEVERAL)["train"]["label"]}

    assert {0, 1, 2, 3} == counts


def test_a_class_can_be_missing_from_validation():
    splits = toy_splits(THREE, missing_from_validation=1)

    assert {0, 2} == set(splits["validation"]["label"])
    assert {0, 1, 2} == set(splits["test"]["label"])


def test_rows_are_numbered_over_all_splits():
    assert list(range(80)) == [row for split in toy_splits().values() for row in split["row"]]


def test_the_fixtures_fit_together(clsfw_splits, clsfw_toy_model, clsfw_toy_trainer, clsfw_tiny_encoder):  # noqa: F811  # the fixtures imported above
    assert ["train", "validation", "test"] == list(clsfw_splits)
    assert isinstance(clsfw_toy_model, ToyModel)
    assert isinstance(clsfw_toy_trainer, ToyTrainer)
    assert isinstance(clsfw_tiny_encoder, TinyEncoder)


def test_the_kit_imports_neither_pytest_nor_torch():
    code = "import sys, clsfw.testing; print([m for m in ('pytest', 'torch', 'datasets') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]\n" == result.stdout
