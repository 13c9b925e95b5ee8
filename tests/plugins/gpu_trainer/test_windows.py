"""Long texts in windows: packed, padded and the module by itself give what a loop over windows gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from support.encoders import LENGTHS, assert_gradients_close, padded_inputs, some_tokens, tiny
from support.reporting import Remembering

from clsfw.contract.parts import Labels, TokenizedTexts
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.distributed import Team
from clsfw_gpu_trainer.forward import prepared
from clsfw_runtime.windows import Windows
from clsfw_torch.target import choose_target
from clsfw_torch.windows import Windowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLASSES = torch.tensor([0, 1, 2, 0, 1, 2])

Answers = tuple[torch.Tensor, dict[str, torch.Tensor]]


class Holder:
    """As much of a classifier as `prepared` looks at."""

    labels = Labels(("a", "b", "c"))
    pad_token_id = 1

    def __init__(self, family: str, pool: Any) -> None:
        self.windows = Windows(12, 4, pool, (1, 2))
        self.module = Windowed(tiny(family), self.windows, 1)


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


def by_parts(holder: Holder, *, packed: bool) -> Answers:
    """Compute as gpu-trainer does, in several parts."""
    told = Remembering()
    target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32"), told)
    known = None if packed else False
    with prepared(holder, target, told, max_batch_tokens=64, known=known) as forward:  # type: ignore[arg-type]
        assert forward.packed is packed
        parts = list(forward.parts(some_tokens(), np.arange(len(LENGTHS)), Team()))
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
