"""Order, cuts, schedule and decay groups, each on its own."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.batches import epoch_order, step_rows
from clsfw_gpu_trainer.optimizer import decayed
from clsfw_gpu_trainer.schedule import learning_rate
from clsfw_torch.packed import cut

if TYPE_CHECKING:
    from collections.abc import Callable


def take(count: int, **arguments: int) -> list[list[int]]:
    steps = step_rows(**arguments)
    return [next(steps).tolist() for _ in range(count)]


def test_every_epoch_takes_every_row_once() -> None:
    steps = take(6, rows=10, seed=1, per_step=4, first=0)

    assert [len(rows) for rows in steps] == [4, 4, 2, 4, 4, 2]
    assert sorted(chain(*steps[:3])) == sorted(chain(*steps[3:])) == list(range(10))
    assert steps[:3] != steps[3:]


@pytest.mark.parametrize("first", [0, 1, 2, 3, 4, 8])
def test_batches_after_a_resume_are_those_that_would_have_come(first: int) -> None:
    whole = take(12, rows=10, seed=1, per_step=4, first=0)

    assert take(3, rows=10, seed=1, per_step=4, first=first) == whole[first : first + 3]


def test_order_is_that_of_torch_with_seed_plus_epoch() -> None:
    expected = torch.randperm(100, generator=torch.Generator().manual_seed(45)).tolist()

    assert epoch_order(100, 42, 3).tolist() == expected


@pytest.mark.parametrize("budget", [1, 16, 40, 1000])
def test_cuts_hold_every_text_once_within_the_budget(budget: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 30, size=50)

    parts = cut(lengths, budget)

    assert sorted(np.concatenate(parts).tolist()) == list(range(50))
    assert all(len(part) == 1 or len(part) * lengths[part].max() <= budget for part in parts)


def test_the_longest_texts_come_first() -> None:
    parts = cut(np.array([3, 9, 5, 9]), 18)

    assert [part.tolist() for part in parts] == [[1, 3], [2, 0]]


@pytest.mark.parametrize("kind", ["linear", "cosine", "constant", "constant_with_warmup"])
@pytest.mark.parametrize("warmup", [0, 4])
def test_learning_rates_are_those_of_transformers(kind: str, warmup: int) -> None:
    from transformers import get_scheduler

    warmup = 0 if kind == "constant" else warmup
    settings = GpuTrainerSettings(lr_scheduler_type=kind, warmup_steps=warmup, learning_rate=1e-3)  # type: ignore[arg-type]  # from the list above
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1e-3)
    scheduler = get_scheduler(kind, optimizer, warmup, 20)

    for step in range(20):
        assert learning_rate(settings, 20, step) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        scheduler.step()


def test_a_share_of_warm_up_is_rounded_up_like_transformers() -> None:
    settings = GpuTrainerSettings(warmup_ratio=0.11, learning_rate=1.0)

    assert [learning_rate(settings, 20, step) for step in (0, 2, 3)] == [0.0, pytest.approx(2 / 3), 1.0]


def test_decay_spares_what_trainer_spares(classifier: Callable[..., Any]) -> None:
    from transformers.trainer_pt_utils import get_parameter_names

    module = classifier().module
    patterns = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]

    assert decayed(module) == set(get_parameter_names(module, [torch.nn.LayerNorm], patterns))
