"""Order, cuts, schedule, weights and device choice, each on its own."""

from __future__ import annotations

import contextlib
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from clsfw.contract.parts import Labels
from clsfw.engine.display import Quiet
from clsfw.errors import HostError, TrainingError
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.batches import cut, epoch_order, step_rows
from clsfw_gpu_trainer.device import Target, choose_target
from clsfw_gpu_trainer.loss import choose_loss
from clsfw_gpu_trainer.optimizer import decayed
from clsfw_gpu_trainer.schedule import learning_rate, plan_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LABELS = Labels(("a", "b", "c"))


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
    length = plan_length(GpuTrainerSettings(batch_size=4, **settings), 10)

    assert (length.total, length.per_epoch) == (total, per_epoch)


def test_decay_spares_what_trainer_spares(classifier: Callable[..., Any]) -> None:
    from transformers.trainer_pt_utils import get_parameter_names

    module = classifier().module
    patterns = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]

    assert decayed(module) == set(get_parameter_names(module, [torch.nn.LayerNorm], patterns))


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    truth = np.array([0, 0, 0, 1, 2, 2])

    loss = choose_loss(GpuTrainerSettings(class_weights="balanced"), LABELS, truth)

    expected = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    np.testing.assert_allclose(loss.weights, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "labels", "truth", "words"),
    [
        ({"class_weights": [1.0, 2.0]}, LABELS, [0, 1, 2], "needs 3 numbers"),
        ({"class_weights": [0.0, 0.0, 0.0]}, LABELS, [0, 1, 2], "not all 0"),
        ({"class_weights": "balanced"}, LABELS, [0, 1, 1], "no training text has the label 'c'"),
        ({"class_weights": "balanced"}, Labels(("a", "b"), multi_label=True), [[0, 1]], "give a list"),
        ({"label_smoothing_factor": 0.1}, Labels(("a", "b"), multi_label=True), [[0, 1]], "one label per text"),
    ],
)
def test_a_loss_that_does_not_fit_the_labels_is_refused(
    settings: dict[str, Any], labels: Labels, truth: list[Any], words: str
) -> None:
    with pytest.raises(TrainingError, match=words):
        choose_loss(GpuTrainerSettings(**settings), labels, np.array(truth))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none_says_which_torch_is_installed() -> None:
    with pytest.raises(HostError, match=f"torch {torch.__version__}".replace("+", r"\+")):
        choose_target(GpuTrainerSettings(device="cuda"), Quiet())


def test_tf32_on_the_cpu_is_refused() -> None:
    with pytest.raises(HostError, match="'tf32' is a format of NVIDIA GPUs"):
        choose_target(GpuTrainerSettings(device="cpu", precision="tf32"), Quiet())


def test_emulated_bf16_is_chosen_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from clsfw_gpu_trainer import device

    monkeypatch.setattr(device, "_cpu_has_bf16", lambda: False)

    assert choose_target(GpuTrainerSettings(device="cpu"), Quiet()).precision == "fp32"
    with pytest.warns(UserWarning, match="slower here than 'fp32'"):
        assert choose_target(GpuTrainerSettings(device="cpu", precision="bf16"), Quiet()).precision == "bf16"


def test_torch_switches_are_set_back() -> None:
    target = choose_target(GpuTrainerSettings(device="cpu", full_determinism=True), Quiet())
    before = (torch.get_num_threads(), torch.get_deterministic_debug_mode())

    with target.applied():
        assert torch.are_deterministic_algorithms_enabled()

    assert (torch.get_num_threads(), torch.get_deterministic_debug_mode()) == before


def test_a_caller_who_wants_warnings_only_keeps_them() -> None:
    target = choose_target(GpuTrainerSettings(device="cpu", full_determinism=True), Quiet())
    torch.set_deterministic_debug_mode("warn")
    try:
        with target.applied():
            assert torch.get_deterministic_debug_mode() == 2
        assert torch.get_deterministic_debug_mode() == 1
    finally:
        torch.set_deterministic_debug_mode("default")


def test_a_process_makes_its_own_gpu_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[torch.device] = []

    @contextlib.contextmanager
    def current(device: torch.device) -> Iterator[None]:
        entered.append(device)
        yield

    monkeypatch.setattr(torch.cuda, "device", current)
    target = Target(torch.device("cuda", 1), "bf16", 1, packed_tokens=64, padded_tokens=64, deterministic=False)
    with target.applied():
        assert entered == [torch.device("cuda", 1)]
