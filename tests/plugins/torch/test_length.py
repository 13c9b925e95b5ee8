"""How long a run is, when something falls due, and what it needs."""

from __future__ import annotations

from typing import Any

import pytest

from clsfw.errors import TrainingError
from clsfw_torch.length import Length, plan_length, plan_needs
from clsfw_torch.settings import TorchTrainerSettings


@pytest.mark.parametrize(
    ("settings", "total", "per_epoch"),
    [
        ({}, 9, 3),
        ({"num_train_epochs": 0.5}, 2, 3),
        ({"max_steps": 7}, 7, 3),
        ({"max_steps": 7, "gradient_accumulation_steps": 2}, 7, 2),
    ],
)
def test_steps_are_counted_with_short_last_ones(settings: dict[str, Any], total: int, per_epoch: int) -> None:
    length = plan_length(TorchTrainerSettings(batch_size=4, **settings), 10)

    assert (length.total, length.per_epoch) == (total, per_epoch)


def test_no_training_texts() -> None:
    with pytest.raises(TrainingError, match="no training texts"):
        plan_length(TorchTrainerSettings(), 0)


@pytest.mark.parametrize(
    ("every", "due"), [(None, []), (3, [3, 6, 7]), ("epoch", [4, 7]), (7, [7]), (1, [1, 2, 3, 4, 5, 6, 7])]
)
def test_the_last_step_always_counts(every: Any, due: list[int]) -> None:
    length = Length(total=7, per_epoch=4)

    assert [step for step in range(1, 8) if length.due(every, step)] == due


@pytest.mark.parametrize(("best", "memory", "disk"), [(False, 16_000, 12_000), (True, 20_000, 16_000)])
def test_memory_and_disk_hold_weights_gradients_moments_and_best_weights(*, best: bool, memory: int, disk: int) -> None:
    settings = TorchTrainerSettings(batch_size=4, num_train_epochs=2.0, save_total_limit=3, load_best_model_at_end=best)

    assert plan_needs(settings, 10, 1000) == {
        "steps": 6, "epochs": 2.0, "memory_bytes": memory, "disk_bytes": 4 * disk + 4_000,
    }  # fmt: skip
