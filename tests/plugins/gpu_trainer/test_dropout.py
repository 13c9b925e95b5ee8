"""Dropout from 15 random bits: the right share, the right scale, the right gradient, and nothing left behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clsfw_torch.dropout import RandomMasks, dropout, fast_dropout, mask_, masked


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9])
def test_share_that_is_kept_is_the_rate_asked_for(rate: float) -> None:
    masks = RandomMasks()

    keep, share = masks.draw((1000, 1001), rate)

    assert share == pytest.approx(1 - rate, abs=2**-15)
    assert set(keep.unique().tolist()) == {-1, 0}
    assert -keep.float().mean() == pytest.approx(1 - rate, abs=0.002)  # four standard deviations


def test_masks_of_rows_and_columns_are_all_different() -> None:
    keep, _ = RandomMasks().draw((300, 300), 0.5)

    agreement = (keep[:, None, :32] == keep[None, :, :32]).all(-1)

    assert agreement.sum() == 300


def test_the_same_seed_gives_the_same_masks() -> None:
    first, second = RandomMasks(), RandomMasks()
    first.seed(7)
    second.seed(7)

    assert torch.equal(first.draw((5, 9), 0.1)[0], second.draw((5, 9), 0.1)[0])
    assert not torch.equal(first.draw((50,), 0.5)[0], second.draw((51,), 0.5)[0][1:])


def test_four_elements_take_one_number_of_the_stream() -> None:
    first, second = RandomMasks(), RandomMasks()
    first.draw((9,), 0.5)  # three numbers

    assert torch.equal(first.draw((40,), 0.5)[0], second.draw((52,), 0.5)[0][12:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_is_scaled_and_the_gradient_follows(dtype: torch.dtype) -> None:
    values = torch.full((64, 64), 3.0, dtype=dtype, requires_grad=True)

    given = dropout(values, 0.25, RandomMasks())
    given.sum().backward()

    assert sorted(given.unique().tolist()) == [0.0, 4.0]
    assert torch.equal(values.grad != 0, given != 0)
    assert values.grad.unique().tolist() == pytest.approx([0.0, 4 / 3], rel=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_masks_apply_to_any_number(dtype: torch.dtype) -> None:
    values = torch.tensor([1.5, -2.0, float("inf"), float("nan"), -0.0], dtype=dtype)
    keep = torch.tensor([-1, 0, 0, 0, -1], dtype=torch.int16)

    assert masked(values, keep).tolist() == [1.5, 0.0, 0.0, 0.0, -0.0]
    assert mask_(values, keep).tolist() == [1.5, 0.0, 0.0, 0.0, -0.0]


def test_modules_use_it_in_training_alone_and_only_for_a_while() -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.Identity())
    ones = torch.ones(1000)

    with fast_dropout(module, RandomMasks()):
        module.eval()
        assert torch.equal(module(ones), ones)
        module.train()
        assert sorted(module(ones).unique().tolist()) == [0.0, 2.0]
        assert module(ones.double()).dtype == torch.float64

    assert "forward" not in vars(module[0])


def test_every_plain_dropout_draws_from_the_masks_while_the_block_runs() -> None:
    module = nn.ModuleDict(
        {
            "plain": nn.Dropout(0.5), "none": nn.Dropout(0.0), "all": nn.Dropout(1.0),
            "inplace": nn.Dropout(0.5, inplace=True), "other": nn.Dropout1d(0.5),
        }
    )  # fmt: skip

    with fast_dropout(module, RandomMasks()):
        changed = {name for name, part in module.items() if "forward" in vars(part)}

    assert changed == {"plain"}
    assert not any("forward" in vars(part) for part in module.values())
