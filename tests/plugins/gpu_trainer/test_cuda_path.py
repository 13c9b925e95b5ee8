"""What runs on CUDA, as far as a machine without it can tell: the kernel's place is taken by a slow one of the CPU.

That proves the arguments (signature, bounds, first tokens, scaling) and the way that texts lie without gaps. Whether
the real kernel computes the same is for `tests/bench/gpu.py`, and for the check at the start of each run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from support.encoders import (
    FAMILIES,
    FIRST_TOKEN,
    LENGTHS,
    assert_gradients_close,
    logits_and_gradients,
    padded_inputs,
    some_tokens,
    tiny,
)

from clsfw_gpu_trainer.selfcheck import flash_is_right
from clsfw_torch import first_token, packed
from clsfw_torch.attention import Attending, flash_attention
from clsfw_torch.dropout import RandomMasks
from clsfw_torch.packed import pack, packed_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
Answer = tuple[torch.Tensor, ...]


Reach = tuple[int | None, int | None]
"""How far a token sees to the left and to the right, where that is bounded."""


def weigh(q: torch.Tensor, k: torch.Tensor, scale: float, reach: Reach) -> torch.Tensor:
    scores = torch.einsum("qhd,khd->hqk", q, k).mul(scale)
    ahead = torch.arange(len(k))[None] - torch.arange(len(q))[:, None]
    for way, bound in zip((-1, 1), reach, strict=True):
        if bound is not None:
            scores = scores.masked_fill(ahead * way > bound, -torch.inf)
    return scores.softmax(dim=-1)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, reach: Reach) -> torch.Tensor:
    return torch.einsum("hqk,khd->qhd", weigh(q, k, scale, reach), v)


def differentiate(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, above: torch.Tensor, scale: float, reach: Reach
) -> Answer:
    """Return the gradients by hand: autograd does not look into what stands in for an operation."""
    weights = weigh(q, k, scale, reach)
    of_weights = torch.einsum("qhd,khd->hqk", above, v)
    of_scores = weights * (of_weights - (of_weights * weights).sum(-1, keepdim=True)) * scale
    return (
        torch.einsum("hqk,khd->qhd", of_scores, k),
        torch.einsum("hqk,qhd->khd", of_scores, q),
        torch.einsum("hqk,qhd->khd", weights, above),
    )


def each(bounds_q: torch.Tensor, bounds_k: torch.Tensor) -> Iterator[tuple[slice, slice]]:
    for i in range(len(bounds_q) - 1):
        yield slice(int(bounds_q[i]), int(bounds_q[i + 1])), slice(int(bounds_k[i]), int(bounds_k[i + 1]))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    """Give the CPU the two operations that only CUDA has, and gather the sizes that they are told."""
    told: list[tuple[int, ...]] = []

    def forward(
        q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bounds_q: torch.Tensor, bounds_k: torch.Tensor,
        most_q: int, most_k: int, rate: float, causal: bool, debug: bool, *, scale: float,
        window_size_left: int | None = None, window_size_right: int | None = None, **_: Any,
    ) -> Answer:  # fmt: skip
        assert bounds_q.dtype == bounds_k.dtype == torch.int32
        assert (rate, debug) == (0.0, False)
        assert window_size_right == (0 if causal and window_size_left is not None else window_size_left)
        reach = (window_size_left, 0 if causal else window_size_right)
        assert (int(bounds_q.diff().max()), int(bounds_k.diff().max())) == (most_q, most_k)
        told.append((len(q), len(k), most_q, most_k))
        output = torch.empty_like(q)
        for queries, keys in each(bounds_q, bounds_k):
            attended = attend(q[queries].float(), k[keys].float(), v[keys].float(), scale, reach)
            output[queries] = attended.to(q.dtype)
        nothing = torch.empty(0)
        return output, nothing, nothing, nothing, nothing

    def backward(
        gradient: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, _out: torch.Tensor,
        _sums: torch.Tensor, bounds_q: torch.Tensor, bounds_k: torch.Tensor, _most_q: int, _most_k: int, _rate: float,
        causal: bool, *_: Any, scale: float, window_size_left: int | None = None, window_size_right: int | None = None,
    ) -> Answer:  # fmt: skip
        gradients = tuple(torch.empty_like(part) for part in (q, k, v))
        for queries, keys in each(bounds_q, bounds_k):
            parts = [part.float() for part in (q[queries], k[keys], v[keys], gradient[queries])]
            found = differentiate(*parts, scale, (window_size_left, 0 if causal else window_size_right))
            for whole, place, value in zip(gradients, (queries, keys, keys), found, strict=True):
                whole[place] = value.to(whole.dtype)
        return gradients

    library = torch.library.Library("aten", "IMPL")
    library.impl("_flash_attention_forward", forward, "CPU")
    library.impl("_flash_attention_backward", backward, "CPU")
    monkeypatch.setattr(packed, "to_device", lambda array, _: torch.from_numpy(array))
    yield told
    library._destroy()


def lying_without_gaps(model: Any) -> dict[str, Any]:
    return pack(model, some_tokens(), np.arange(len(LENGTHS)), CUDA, RandomMasks())


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "mpnet"])  # padded on a GPU
def test_texts_without_gaps_give_what_padded_ones_give(
    family: str, kernel: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (packed, first_token):  # in float32, where a difference is more than rounding
        monkeypatch.setattr(module, "packed_attention", flash_attention)
    model = tiny(family)
    expected, wanted = logits_and_gradients(model, padded_inputs())

    with packed_forward(model):
        inputs = lying_without_gaps(model)
        given, found = logits_and_gradients(model, inputs)

    assert inputs["input_ids"].shape == (1, sum(LENGTHS))
    last = (6, 110, 1, 40) if family in FIRST_TOKEN else (110, 110, 40, 40)  # for first tokens alone, or for all
    assert kernel == [(110, 110, 40, 40), last]
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert_gradients_close(found, wanted)


@pytest.mark.parametrize(("kind", "times"), [(torch.bfloat16, 2), (torch.float32, 0)])
def test_the_kernel_is_for_half_precision_alone(kind: torch.dtype, times: int, kernel: list[tuple[int, ...]]) -> None:
    model = tiny("bert").to(kind)

    with packed_forward(model):
        model(**lying_without_gaps(model))

    assert len(kernel) == times


@pytest.mark.parametrize("family", ["bert", "modernbert", "llama", "mistral"])
def test_the_kernel_passes_the_check_of_each_run(family: str, kernel: list[tuple[int, ...]]) -> None:
    assert flash_is_right(tiny(family), CPU, RandomMasks())


@pytest.mark.parametrize(
    ("family", "forgotten"), [("modernbert", "window"), ("mistral", "window"), ("llama", "causal")]
)
def test_a_kernel_that_lets_tokens_see_too_much_does_not_pass(
    family: str, forgotten: str, kernel: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = {"window": None, "causal": False}[forgotten]

    def everything(q: Any, k: Any, v: Any, packing: Any, how: Attending) -> torch.Tensor:
        return flash_attention(q, k, v, packing, replace(how, **{forgotten: nothing}))

    monkeypatch.setattr("clsfw_gpu_trainer.selfcheck.flash_attention", everything)

    assert not flash_is_right(tiny(family), CPU, RandomMasks())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda given: given * 1.1,
        lambda given: given.roll(1, 0),
        lambda given: given.detach().requires_grad_(),
    ],
    ids=["scaled", "shifted", "without a gradient"],
)
def test_a_wrong_kernel_does_not_pass(
    wrong: Callable[[torch.Tensor], torch.Tensor], kernel: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clsfw_gpu_trainer.selfcheck.flash_attention", lambda *a, **k: wrong(flash_attention(*a, **k)))

    try:
        passed = flash_is_right(tiny("bert"), CPU, RandomMasks())
    except RuntimeError:  # what `differs` takes for a failed check
        passed = False

    assert not passed
