"""Bf16 on the CPU: what autocast computes, with weights that are cast once, whatever was kept ready before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from clsfw.report.display import Quiet
from clsfw_gpu_trainer.forward import Forward
from clsfw_torch import half

Make = Callable[..., Any]


def predicted(trainer: Any, model: Any, texts: list[str]) -> Any:
    return trainer.predict(model, texts, Quiet()).probabilities


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize("laid_out", [True, False], ids=["in oneDNN's layout", "as torch has them"])
def test_predictions_are_those_of_autocast(
    packed: bool, laid_out: bool, trainer: Make, classifier: Make, data: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, texts = classifier(), list(data(30)["text"])
    monkeypatch.setattr("clsfw_gpu_trainer.forward.packable", lambda *_, **__: packed)
    if not laid_out:
        monkeypatch.setattr(half, "_can_lay_out", lambda: False)
    found = predicted(trainer(precision="bf16"), model, texts)
    monkeypatch.setattr(Forward, "half", lambda self, kept=None: None)  # noqa: ARG005  # the signature is the method's

    expected = predicted(trainer(precision="bf16"), model, texts)

    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.abs(found - predicted(trainer(precision="fp32"), model, texts)).max() > 1e-6


def test_copies_are_made_once_for_a_model_that_is_asked_again(
    trainer: Make, classifier: Make, data: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    make = half.HalfLinears.__init__
    monkeypatch.setattr(half.HalfLinears, "__init__", lambda self, module: made.append(module) or make(self, module))
    ready, model, texts = trainer(precision="bf16"), classifier(), list(data(5)["text"])

    first = predicted(ready, model, texts)
    again = predicted(ready, model, texts)

    assert np.array_equal(first, again)
    assert made == [model.module]
    predicted(ready, classifier(), texts)
    assert len(made) == 2
    predicted(trainer(precision="fp32"), model, texts)
    assert len(made) == 2


def test_a_model_that_was_trained_in_between_predicts_with_its_new_weights(
    trainer: Make, classifier: Make, data: Make, open_run: Make
) -> None:
    ready, model, splits = trainer(precision="bf16", max_steps=3, learning_rate=1e-2), classifier(), {"train": data(40)}
    texts = list(data(30)["text"])
    before = predicted(ready, model, texts)
    with open_run(splits, model.labels) as run:
        ready.fit(model, splits, run)

    after = predicted(ready, model, texts)

    assert np.abs(after - before).max() > 0.01
    assert np.array_equal(after, predicted(trainer(precision="bf16"), model, texts))


class Casts(TorchDispatchMode):
    """Counts the weights that are cast to bf16."""

    def __init__(self, weights: set[int]) -> None:
        super().__init__()
        self.weights = weights
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._to_copy.default and args[0].data_ptr() in self.weights
        return func(*args, **(kwargs or {}))


def test_a_step_of_several_parts_casts_each_weight_once(
    trainer: Make, classifier: Make, data: Make, open_run: Make
) -> None:
    def casts(budget: int) -> int:
        model, splits = classifier(), {"train": data(12)}
        by = trainer(precision="bf16", max_steps=1, batch_size=12, max_batch_tokens=budget)
        with (
            open_run(splits, model.labels, name=f"run-{budget}") as run,
            Casts({p.data_ptr() for p in model.module.parameters()}) as mode,
        ):
            by.fit(model, splits, run)
        return mode.count

    assert casts(30) == casts(1000) > 0
