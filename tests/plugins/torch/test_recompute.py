"""Gradient checkpointing: the same gradients to the bit, from fewer tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from support.encoders import LENGTHS, logits_and_gradients, padded_inputs, some_tokens, tiny

from clsfw import ModelError
from clsfw_torch.dropout import RandomMasks, fast_dropout
from clsfw_torch.packed import pack, packed_forward
from clsfw_torch.recompute import recomputed

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILIES = ["distilbert", "roberta", "modernbert", "llama", "deberta-v2"]


def kept_bytes(compute: Callable[[], Any]) -> int:
    """Count what a forward pass keeps for the backward pass."""
    total = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal total
        total += tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        compute()
    return total


def trained(family: str, **changes: Any) -> Any:
    return tiny(family, initializer_range=0.1, **changes).train()


@pytest.mark.parametrize("family", FAMILIES)
def test_padded_gradients_are_the_same_bits(family: str) -> None:
    model = trained(family)  # with the dropout of its kind

    def answers() -> Any:
        torch.manual_seed(5)
        return logits_and_gradients(model, padded_inputs())

    expected, wanted = answers()
    with recomputed(model):
        given, found = answers()

    assert torch.equal(given, expected)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], gradient) for name, gradient in wanted.items())


@pytest.mark.parametrize("family", ["distilbert", "roberta"])
def test_packed_gradients_draw_the_same_dropout_again(family: str) -> None:
    model, masks = trained(family), RandomMasks()
    assert any(part.p for part in model.modules() if isinstance(part, torch.nn.Dropout))

    def answers() -> Any:
        masks.seed(3)
        return logits_and_gradients(
            model, pack(model, some_tokens(), np.arange(len(LENGTHS)), torch.device("cpu"), masks)
        )

    with packed_forward(model), fast_dropout(model, masks):
        expected, wanted = answers()
        after = masks.draw((8,), 0.5)[0]
        with recomputed(model, masks):
            given, found = answers()

    assert torch.equal(given, expected)
    assert all(torch.equal(found[name], gradient) for name, gradient in wanted.items())
    assert torch.equal(masks.draw((8,), 0.5)[0], after)


def test_less_is_kept_for_the_backward_pass() -> None:
    model = trained("roberta")

    whole = kept_bytes(lambda: model(**padded_inputs()))
    with recomputed(model):
        less = kept_bytes(lambda: model(**padded_inputs()))

    assert less < whole / 3


def test_a_model_is_as_before_once_the_block_ends() -> None:
    model = trained("roberta")
    layer = model.roberta.encoder.layer[0]
    with recomputed(model):
        assert layer.gradient_checkpointing is True

    assert layer.gradient_checkpointing is False


def test_a_model_without_such_layers_is_refused() -> None:
    words = "gradient_checkpointing: MPNetForSequenceClassification has no layers that can be computed again"
    with pytest.raises(ModelError, match=words), recomputed(tiny("mpnet")):
        pass
