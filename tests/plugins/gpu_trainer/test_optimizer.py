"""AdamW heeds every setting of the recipe, and refuses an update that is not finite."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.optimizer import Optimizer

SETTINGS: dict[str, Any] = {
    "learning_rate": 0.01, "weight_decay": 0.5, "adam_beta1": 0.6, "adam_beta2": 0.7, "adam_epsilon": 1e-2,
    "max_grad_norm": 0.25,
}  # fmt: skip


def make_module() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3), torch.nn.Linear(3, 2))


def give_gradients(module: torch.nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_updates_are_those_of_adamw_with_two_groups() -> None:
    ours, theirs = make_module(), make_module()
    optimizer = Optimizer(ours, GpuTrainerSettings(**SETTINGS))
    reference = torch.optim.AdamW(
        [
            {"params": [theirs[0].weight, theirs[2].weight], "weight_decay": 0.5},
            {"params": [theirs[0].bias, *theirs[1].parameters(), theirs[2].bias], "weight_decay": 0.0},
        ],
        lr=0.01, betas=(0.6, 0.7), eps=1e-2,
    )  # fmt: skip

    for step in range(1, 4):
        give_gradients(ours, step)
        optimizer.update(step, 0.01 * step)
        give_gradients(theirs, step)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.25)
        for group in reference.param_groups:
            group["lr"] = 0.01 * step
        reference.step()

    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-6, atol=1e-7, msg=name)


def test_weight_decay_shrinks_weights_and_spares_biases_and_norms() -> None:
    module = make_module()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    optimizer = Optimizer(module, GpuTrainerSettings(**{**SETTINGS, "learning_rate": 1.0}))
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)

    optimizer.update(1, 1.0)

    for name, value in module.state_dict().items():
        share = 0.5 if name in {"0.weight", "2.weight"} else 1.0
        torch.testing.assert_close(value, before[name] * share, msg=name)


def test_a_norm_of_zero_never_clips() -> None:
    ours, theirs = make_module(), make_module()
    optimizer = Optimizer(ours, GpuTrainerSettings(learning_rate=0.1, max_grad_norm=0.0))
    reference = torch.optim.AdamW(theirs.parameters(), lr=0.1, weight_decay=0.0)
    for module in (ours, theirs):
        give_gradients(module, 1)

    optimizer.update(1, 0.1)
    reference.step()

    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-6, atol=1e-7, msg=name)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_update_is_made_from_the_first_gradient_on_that_is_not_finite(value: float) -> None:
    module = make_module()
    optimizer = Optimizer(module, GpuTrainerSettings(**SETTINGS))
    give_gradients(module, 1)
    optimizer.update(1, 0.01)
    assert optimizer.first_bad_step() is None
    kept = {name: weight.clone() for name, weight in module.state_dict().items()}

    for step in (2, 3):
        give_gradients(module, step)
        if step == 2:
            module[0].bias.grad[1] = value
        optimizer.update(step, 0.01)

    assert optimizer.first_bad_step() == 2
    for name, weight in module.state_dict().items():
        assert torch.equal(weight, kept[name]), name
    assert all(parameter.grad is None for parameter in module.parameters())


def test_a_state_that_is_restored_goes_on_with_the_same_bits() -> None:
    whole, cut = make_module(), make_module()
    first = Optimizer(whole, GpuTrainerSettings(**SETTINGS))
    give_gradients(whole, 1)
    first.update(1, 0.01)
    cut.load_state_dict(whole.state_dict())
    second = Optimizer(cut, GpuTrainerSettings(**SETTINGS))
    assert second.started() == [False] * 6

    second.restore({name: value.clone() for name, value in first.tensors()})

    assert second.started() == [True] * 6
    for module, optimizer in ((whole, first), (cut, second)):
        give_gradients(module, 2)
        optimizer.update(2, 0.01)
    for name, value in whole.state_dict().items():
        assert torch.equal(cut.state_dict()[name], value), name
