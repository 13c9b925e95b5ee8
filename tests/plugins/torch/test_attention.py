"""Attention of packed texts on the CPU: what trains without dropout equals torch's kernel, text by text."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from clsfw_torch import attention
from clsfw_torch.attention import Attending, Packing, packed_attention
from clsfw_torch.dropout import RandomMasks

LENGTHS = [1, 15, 16, 70, 33]
STARTS = [0, 16, 32, 48, 128]
TOKENS, HEADS, SIZE = 192, 3, 8


@pytest.fixture
def packing() -> Packing:
    return Packing(STARTS, LENGTHS, torch.tensor(STARTS), None, RandomMasks())


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the numbers of queries that torch's own kernel was called with."""
    called: list[int] = []

    def counted(query: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        called.append(query.shape[-2])
        return torch.nn.functional.scaled_dot_product_attention(query, *arguments, **options)

    monkeypatch.setattr(attention, "scaled_dot_product_attention", counted)
    return called


def given(queries: int = TOKENS) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(queries, HEADS, SIZE), (TOKENS, HEADS, SIZE), (TOKENS, HEADS, SIZE)]
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def of_texts(output: torch.Tensor) -> torch.Tensor:
    """Leave out what fills the gaps: it is never read."""
    if len(output) != TOKENS:
        return output
    return torch.cat([output[start : start + length] for start, length in zip(STARTS, LENGTHS, strict=True)])


def trained(packing: Packing, how: Attending, queries: int = TOKENS) -> list[torch.Tensor]:
    """Return the outputs of the texts, and the gradients of a loss that weighs each of them differently."""
    inputs = given(queries)
    output = of_texts(packed_attention(*inputs, packing, how))
    (output * torch.arange(output.numel()).view(output.shape).sin()).sum().backward()
    return [output.detach(), *(of_texts(part.grad) for part in inputs if part.grad is not None)]


@pytest.mark.parametrize(
    ("queries", "window", "causal"),
    [(TOKENS, None, False), (len(LENGTHS), None, False), (TOKENS, None, True), (TOKENS, 16, False), (TOKENS, 20, True)],
)
def test_gradients_are_those_of_torchs_kernel(
    queries: int, window: int | None, causal: bool, packing: Packing, kernel: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Attending(0.0, 0.3, window, causal)
    found = trained(packing, how, queries)
    assert not kernel

    monkeypatch.setattr(attention, "_KEPT", 0)
    expected = trained(packing, how, queries)

    assert kernel
    for own, theirs in zip(found, expected, strict=True):
        assert own == pytest.approx(theirs, abs=2e-6)


@pytest.mark.parametrize("block", [1, 2 * 80 * 80])
@pytest.mark.parametrize(("queries", "window"), [(TOKENS, None), (len(LENGTHS), None), (TOKENS, 16)])
def test_heads_taken_one_by_one_have_the_same_dropout_and_bits(
    block: int, queries: int, window: int | None, packing: Packing, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Attending(0.3, 0.3, window)
    expected = trained(packing, how, queries)
    packing.masks.seed(0)
    monkeypatch.setattr(attention, "_BLOCK", block)

    found = trained(packing, how, queries)

    for own, theirs in zip(found, expected, strict=True):
        assert torch.equal(own, theirs)


def test_the_weights_of_a_long_text_are_not_kept(
    packing: Packing, kernel: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "_KEPT", 70 * 80 - 1)  # the longest text has 80 rows, 70 of them tokens

    trained(packing, Attending(0.0, 0.3))

    assert len(kernel) == len(LENGTHS)


def test_what_needs_no_gradient_goes_through_torchs_kernel(packing: Packing, kernel: list[int]) -> None:
    with torch.inference_mode():
        packed_attention(*given(), packing, Attending(0.0, 0.3))

    assert len(kernel) == len(LENGTHS)


@pytest.mark.parametrize(
    ("queries", "window", "causal"),
    [(TOKENS, None, False), (len(LENGTHS), None, False), (TOKENS, None, True), (TOKENS, 16, False), (TOKENS, 20, True)],
)
def test_predictions_do_not_see_what_fills_a_gap(
    queries: int, window: int | None, causal: bool, packing: Packing, kernel: list[int]
) -> None:
    how = Attending(0.0, 0.3, window, causal)
    query, key, value = (part.detach() for part in given(queries))
    gaps = torch.ones(TOKENS, dtype=torch.bool)
    for start, length in zip(STARTS, LENGTHS, strict=True):
        gaps[start : start + length] = False
    found = of_texts(packed_attention(query, key, value, packing, how))
    key[gaps], value[gaps] = 50.0, 1000.0

    again = of_texts(packed_attention(query, key, value, packing, how))

    assert kernel
    assert torch.equal(found, again)
    expected = of_texts(_by_hand(query, key, value, how, queries))
    assert found == pytest.approx(expected, abs=2e-6)


def _by_hand(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, how: Attending, queries: int) -> torch.Tensor:
    """Attend token by token."""
    output = torch.zeros_like(query)
    for number, (start, length) in enumerate(zip(STARTS, LENGTHS, strict=True)):
        for place in range(length if queries == TOKENS else 1):
            row = start + place if queries == TOKENS else number
            reach = length if how.window is None else how.window
            last = place + 1 if how.causal else min(length, place + reach + 1)
            seen = slice(start + max(0, place - reach), start + last)
            scores = torch.einsum("hd,khd->hk", query[row], key[seen]) * how.scaling
            output[row] = torch.einsum("hk,khd->hd", scores.softmax(-1), value[seen])
    return output
