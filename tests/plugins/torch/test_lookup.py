"""Gradients of embeddings: torch's own bits, however many parts a batch has."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clsfw_torch.lookup import sparse_lookups


def embedding(padding: int | None = None) -> nn.Embedding:
    torch.manual_seed(0)
    return nn.Embedding(50, 8, padding_idx=padding)


def after_parts(module: nn.Embedding) -> torch.Tensor:
    """Return the gradient after three parts, of rows that come once, often, and only as padding."""
    generator = torch.Generator().manual_seed(1)
    for tokens in (40, 7, 300):
        ids = torch.randint(0, 30, (1, tokens), generator=generator)
        vectors = module(ids)
        (vectors * torch.randn(vectors.shape, generator=generator)).sum().backward()
    assert module.weight.grad is not None
    return module.weight.grad


@pytest.mark.parametrize("padding", [None, 3])
def test_gradients_of_several_parts_have_the_bits_of_torchs_own(padding: int | None) -> None:
    expected = after_parts(embedding(padding))
    module = embedding(padding)

    with sparse_lookups(module):
        found = after_parts(module)

    assert torch.equal(found, expected)
    assert padding is None or not found[padding].any()
    assert not found[30:].any()


def test_no_table_is_made_for_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    module = embedding()
    module.weight.grad = torch.zeros_like(module.weight)
    made = []
    backward = torch.ops.aten.embedding_dense_backward
    monkeypatch.setattr(
        torch.ops.aten, "embedding_dense_backward", lambda *given: made.append(given[2]) or backward(*given)
    )

    with sparse_lookups(module):
        module(torch.tensor([[4, 4, 9]])).sum().backward()

    assert made == [2]


def test_what_is_not_trained_has_no_gradient_and_nothing_stays_behind() -> None:
    module = embedding()
    with sparse_lookups(module):
        with torch.no_grad():
            assert not module(torch.tensor([1])).requires_grad
        module.weight.requires_grad_(False)
        assert not module(torch.tensor([1])).requires_grad
    assert "forward" not in vars(module)


@pytest.mark.parametrize(
    "module",
    [
        nn.Embedding(5, 2, max_norm=1.0),
        nn.Embedding(5, 2, scale_grad_by_freq=True),
        nn.Embedding(5, 2, sparse=True),
        nn.Embedding(5, 2, dtype=torch.bfloat16),
    ],
)
def test_embeddings_that_do_more_are_left_alone(module: nn.Embedding) -> None:
    with sparse_lookups(module):
        assert "forward" not in vars(module)
