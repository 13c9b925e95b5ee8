"""Long texts in windows: packed, padded and the module by itself give what a loop over windows gives."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from support.encoders import LENGTHS, assert_gradients_close, padded_inputs, some_tokens, tiny
from support.reporting import Remembering

from clsfw.contract.parts import Labels, TokenizedTexts
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.forward import prepared
from clsfw_runtime.windows import Windows
from clsfw_torch.target import choose_target
from clsfw_torch.tokens import Tokens
from clsfw_torch.windows import Windowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])

Answers = tuple[torch.Tensor, dict[str, torch.Tensor]]


class Holder:
    """As much of a classifier as `prepared` looks at."""

    labels = Labels(("a", "b", "c"))
    pad_token_id = 1

    def __init__(self, family: str, pool: Any, **changes: Any) -> None:
        self.windows = Windows(12, 4, pool, (1, 2))
        self.module = Windowed(tiny(family, **changes), self.windows, 1)


def answers(model: Any, compute: Callable[[], torch.Tensor]) -> Answers:
    """Return logits, and the gradients of a loss over all texts at once."""
    model.zero_grad()
    logits = compute()
    torch.nn.functional.cross_entropy(logits, CLASSES).backward()
    return logits.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def by_hand(holder: Holder) -> Answers:
    """Compute one window after another, from the definition: nine tokens each, the next begins five behind."""
    tokens, model = some_tokens(), holder.module.inner

    def pieces(ids: list[int]) -> Iterator[list[int]]:
        if len(ids) <= 12:
            yield ids
            return
        inner = ids[1:-2]
        start = 0
        while True:
            yield [ids[0], *inner[start : start + 9], *ids[-2:]]
            if start + 9 >= len(inner):
                return
            start += 5

    def compute() -> torch.Tensor:
        rows = []
        for start, end in zip(tokens.starts[:-1], tokens.starts[1:], strict=True):
            given = [model(input_ids=torch.tensor([piece])).logits for piece in pieces(tokens.ids[start:end].tolist())]
            logits = torch.cat(given)
            rows.append(logits.mean(0) if holder.windows.pool == "mean" else logits.max(0).values)
        return torch.stack(rows)

    return answers(model, compute)


def parts_of(forward: Any, tokens: Tokens, rows: Any) -> list[Any]:
    return [forward.part(tokens, own) for own in forward.shares(tokens, rows, 1)]


def by_parts(holder: Holder, *, packed: bool) -> Answers:
    """Compute as gpu-trainer does, in several parts."""
    with ready(holder, packed=packed, budget=64) as forward:
        assert forward.packed is packed
        parts = parts_of(forward, some_tokens(), np.arange(len(LENGTHS)))
        assert len(parts) > 1

        def compute() -> torch.Tensor:
            order = torch.from_numpy(np.concatenate([part.rows for part in parts])).argsort()
            return torch.cat([forward.logits(part) for part in parts])[order]

        return answers(holder.module.inner, compute)


@pytest.mark.parametrize("pool", ["mean", "max"])
@pytest.mark.parametrize("way", ["packed", "padded", "module"])
@pytest.mark.parametrize("family", ["distilbert", "roberta"])
def test_logits_and_gradients_are_those_of_a_loop_over_windows(family: str, way: str, pool: str) -> None:
    holder = Holder(family, pool)
    expected, wanted = by_hand(holder)

    if way == "module":
        given, found = answers(holder.module.inner, lambda: holder.module(**padded_inputs()).logits)
    else:
        given, found = by_parts(holder, packed=way == "packed")

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert_gradients_close(found, wanted)


class Listening:
    """Remembers how many tokens, padding counted, each call of a module was given."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.tokens: list[int] = []
        module.register_forward_pre_hook(self._hear, with_kwargs=True)

    def _hear(self, _: Any, __: Any, given: Any) -> None:
        self.tokens.append(given["input_ids"].numel())


@contextlib.contextmanager
def ready(holder: Holder, *, packed: bool, budget: int) -> Iterator[Any]:
    told = Remembering()
    target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32"), told)
    known = None if packed else False
    with prepared(holder, target, told, max_batch_tokens=budget, known=known) as forward:  # type: ignore[arg-type]
        yield forward


def long_text(tokens: int) -> Tokens:
    ids = np.random.default_rng(0).integers(4, 60, tokens).astype(np.int32)
    return Tokens(ids, np.array([0, tokens]), np.array([tokens]), np.zeros(1, np.bool_))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_text_beyond_the_budget_is_computed_in_pieces_that_fit_it(*, packed: bool, pool: str) -> None:
    holder, rows = Holder("distilbert", pool), np.arange(1)
    tokens = long_text(60)

    def all_at_once(budget: int) -> tuple[torch.Tensor, dict[str, torch.Tensor], int]:
        with ready(holder, packed=packed, budget=budget) as forward:
            (part,) = parts_of(forward, tokens, rows)
            module = holder.module.inner
            module.zero_grad()
            logits = forward.logits(part)
            torch.nn.functional.cross_entropy(logits, CLASSES[:1]).backward()
            found = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
            return logits.detach(), found, len(part.pieces)

    expected, wanted, whole = all_at_once(1000)
    given, found, pieces = all_at_once(24)

    assert (whole, pieces) == (1, 6)  # 11 windows of 12 tokens at most, two at a time
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert_gradients_close(found, wanted)


def test_prediction_and_training_take_no_more_than_the_budget_at_a_time() -> None:
    holder = Holder("distilbert", "mean")
    with ready(holder, packed=False, budget=30) as forward:
        heard = Listening(holder.module.inner)
        (part,) = parts_of(forward, long_text(200), np.arange(1))
        with torch.inference_mode():
            forward.logits(part)
        predicted = len(heard.tokens)
        forward.logits(part).sum().backward()

    assert max(heard.tokens) <= 30
    assert len(heard.tokens) == 3 * predicted  # in training each piece is computed twice


def test_pieces_that_are_computed_again_draw_the_same_dropout() -> None:
    holder = Holder("distilbert", "mean", dropout=0.5, attention_dropout=0.5)
    holder.module.train()
    with ready(holder, packed=True, budget=24) as forward:
        (part,) = parts_of(forward, long_text(60), np.arange(1))

        def gradients(compute: Callable[[], torch.Tensor]) -> dict[str, torch.Tensor]:
            holder.module.zero_grad()
            forward.seed(5)
            compute().square().sum().backward()
            return {name: p.grad.clone() for name, p in holder.module.named_parameters() if p.grad is not None}

        kept = gradients(
            lambda: torch.cat([holder.module.inner(**inputs).logits for inputs in part.pieces])[part.order].mean(0)
        )
        again = gradients(lambda: forward.logits(part))

    assert all(torch.equal(value, again[name]) for name, value in kept.items())


def test_the_module_alone_predicts_a_long_text_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    holder = Holder("distilbert", "max")
    ids = torch.from_numpy(long_text(200).ids.astype(np.int64))[None]
    with torch.no_grad():
        expected = holder.module(ids, torch.ones_like(ids)).logits
    heard = Listening(holder.module.inner)
    monkeypatch.setattr("clsfw_torch.windows._TOKENS", 36)

    with torch.no_grad():
        given = holder.module(ids, torch.ones_like(ids)).logits

    assert max(heard.tokens) == 36
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)


def windowed(classifier: Any) -> Any:
    """Give a classifier windows of its longest input."""
    classifier.windows = Windows(classifier.max_length, 8, "mean", (1, 1))
    classifier.module = Windowed(classifier.module, classifier.windows, classifier.pad_token_id)

    def tokenize(texts: Any) -> TokenizedTexts:
        ids = [[2, *(int(word[1:]) for word in text.split()), 3] for text in texts]
        return TokenizedTexts(ids, np.array([len(row) for row in ids]), np.zeros(len(ids), np.bool_))

    classifier.tokenize = tokenize
    return classifier


def trained(kit: Any, classifier: Any, data: Dataset, name: str, **settings: Any) -> list[torch.Tensor]:
    kit.fit(classifier, {"train": data}, name=name, max_steps=3, batch_size=8, learning_rate=1e-3, **settings)
    return [value.detach().clone() for value in classifier.module.state_dict().values()]


def test_texts_that_fit_are_trained_to_the_very_bits_of_a_run_without_windows(kit: Any) -> None:
    data = kit.data(40).filter(lambda row: len(row["text"].split()) <= 22)

    plain = trained(kit, kit.classifier(dropout=0.1), data, "plain")
    given = trained(kit, windowed(kit.classifier(dropout=0.1)), data, "windows")

    assert all(torch.equal(a, b) for a, b in zip(plain, given, strict=True))


def test_long_texts_are_trained_in_other_parts_alike_and_predicted_whole(kit: Any) -> None:
    data = Dataset.from_dict(
        {"text": [" ".join([f"w{4 + i % 50}"] * (5 + 6 * i)) for i in range(16)], "label": [i % 2 for i in range(16)]}
    ).cast(kit.data(1).features)
    classifier = windowed(kit.classifier())

    one = trained(kit, classifier, data, "one", max_batch_tokens=30)
    other = trained(kit, windowed(kit.classifier()), data, "other", max_batch_tokens=4000)
    prediction = kit.trainer().predict(classifier, data["text"], Remembering())

    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert prediction.tokens.tolist() == [7 + 6 * i for i in range(16)]
    assert not prediction.truncated.any()
