"""Packed input, the own attention and the last layer for first tokens: the same as padded input through stock code."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import transformers
from support.encoders import (
    FAMILIES,
    LENGTHS,
    assert_gradients_close,
    logits_and_gradients,
    padded_inputs,
    some_tokens,
    tiny,
)

from clsfw.contract.parts import Labels
from clsfw.report.display import Quiet
from clsfw_gpu_trainer import GpuTrainerSettings, selfcheck
from clsfw_gpu_trainer.forward import prepared
from clsfw_torch import packed
from clsfw_torch.attention import Attending, Packing, packed_attention
from clsfw_torch.dropout import RandomMasks
from clsfw_torch.families import Family
from clsfw_torch.packed import pack, packable, packed_forward, share
from clsfw_torch.target import choose_target
from clsfw_torch.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

CPU = torch.device("cpu")


def packed_inputs(model: Any) -> dict[str, Any]:
    return pack(model, some_tokens(), np.arange(len(LENGTHS)), CPU, RandomMasks())


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_all_gradients_are_those_of_padded_input(family: str) -> None:
    model = tiny(family)
    expected, wanted = logits_and_gradients(model, padded_inputs())

    with packed_forward(model):
        given, found = logits_and_gradients(model, packed_inputs(model))

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert_gradients_close(found, wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_bf16_gradients_are_as_near_to_exact_ones_as_those_of_transformers_own_attention(family: str) -> None:
    model = tiny(family)
    _, exact = logits_and_gradients(model, padded_inputs())

    def error(inputs: dict[str, Any]) -> float:
        with torch.autocast("cpu", torch.bfloat16):
            _, found = logits_and_gradients(model, inputs)
        assert set(found) == set(exact)
        squares = [((found[name] - exact[name]).square().sum(), exact[name].square().sum()) for name in exact]
        return float(sum(off for off, _ in squares) / sum(whole for _, whole in squares)) ** 0.5

    with packed_forward(model):
        own = error(packed_inputs(model))
    model.set_attn_implementation("eager")  # which rounds scores and weights to bf16, too
    usual = error(padded_inputs())

    assert 0 < own < 1.5 * usual + 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_stock_attention_with_positions_alone_would_mix_the_texts(family: str) -> None:
    model = tiny(family)
    packed = packed_inputs(model)
    first = packed.pop("packing").first

    mixed = model.base_model(**packed).last_hidden_state[0, first]
    apart = model.base_model(**padded_inputs()).last_hidden_state[:, 0]

    assert (mixed - apart).abs().max() > 0.05


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_is_as_before_once_the_block_ends(family: str) -> None:
    model = tiny(family)
    expected = model(**padded_inputs()).logits

    with packed_forward(model):
        pass

    assert torch.equal(model(**padded_inputs()).logits, expected)


def assert_packed_gives_the_same(model: Any, ids: Any, starts: Any) -> None:
    rows = np.arange(len(starts) - 1)
    tokens = Tokens(ids, starts, np.diff(starts), np.zeros(len(rows), dtype=np.bool_))
    padded, mask = (torch.from_numpy(array) for array in tokens.padded(rows, 1))

    with torch.no_grad():
        expected = model(input_ids=padded, attention_mask=mask).logits
        with packed_forward(model):
            given = model(**pack(model, tokens, rows, CPU, RandomMasks())).logits

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)


def test_distances_far_beyond_the_last_bucket_of_mpnet() -> None:
    """Its bias has a bucket of its own up to 8 tokens, shared ones up to 128, and one for all beyond."""
    model = tiny("mpnet", max_position_embeddings=320)
    ids = np.random.default_rng(0).integers(2, 80, size=305).astype(np.int32)
    starts = np.array([0, 300, 305])
    assert_packed_gives_the_same(model, ids, starts)


def test_mpnet_is_padded_on_a_gpu() -> None:
    assert packable(tiny("mpnet"))
    assert not packable(tiny("mpnet"), cuda=True)


def test_other_families_are_packed_on_a_gpu_too() -> None:
    assert packable(tiny("modernbert"), cuda=True)


@pytest.mark.parametrize("family", ["deberta", "deberta-v2", "albert"])
def test_models_of_other_families_are_not_packed(family: str) -> None:
    model = tiny(family)

    assert not packable(model)
    with pytest.raises(TypeError, match="does not take packed texts"), packed_forward(model):
        pass


POOLINGS = [("modernbert", "cls"), ("modernbert", "mean"), ("eurobert", "bos"), ("eurobert", "mean")]


@pytest.mark.parametrize(("family", "pooling"), [*POOLINGS, ("eurobert", "late")])
def test_each_kind_of_pooling_is_that_of_padded_input(family: str, pooling: str) -> None:
    model = tiny(family, classifier_pooling=pooling)
    expected, wanted = logits_and_gradients(model, padded_inputs())

    with packed_forward(model):
        given, found = logits_and_gradients(model, packed_inputs(model))

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert_gradients_close(found, wanted)


@pytest.mark.parametrize("family", ["llama", "gemma"])
def test_a_decoder_reads_the_last_token_that_is_not_padding(family: str) -> None:
    """As transformers does: the padding token may be the last one of a text, or all that a text has."""
    model = tiny(family)
    ids = np.array([5, 9, 1, 1, 7, 4, 8, 1], dtype=np.int32)  # 5 9 pad | pad | 7 4 8 | pad
    starts = np.array([0, 3, 4, 7, 8])
    assert_packed_gives_the_same(model, ids, starts)


EDGES = (63, 64, 65, 66, 127, 128, 129, 130, 192, 193, 257)
"""Around a window of 64 tokens to either side, and around the blocks of 128 queries that texts are cut into."""


@pytest.mark.parametrize("length", EDGES)
def test_texts_at_the_edges_of_a_local_window(length: int) -> None:
    model = tiny("modernbert", local_attention=128, max_position_embeddings=300)
    ids = np.random.default_rng(0).integers(2, 80, size=length + 5).astype(np.int32)
    starts = np.array([0, length, length + 5])
    tokens = Tokens(ids, starts, np.diff(starts), np.zeros(2, dtype=np.bool_))
    padded, mask = (torch.from_numpy(array) for array in tokens.padded(np.arange(2), 1))

    def answers(inputs: dict[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        model.zero_grad()
        logits = model(**inputs).logits
        logits.square().sum().backward()
        return logits.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}

    expected, wanted = answers({"input_ids": padded, "attention_mask": mask})
    with packed_forward(model):
        given, found = answers(pack(model, tokens, np.arange(2), CPU, RandomMasks()))

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert_gradients_close(found, wanted)


@pytest.mark.parametrize("off", [-1, 1])
def test_a_window_that_is_off_by_a_token_does_not_pass_the_check(off: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told, model = Told(), tiny("modernbert")
    right = packed._attention

    def wrong(*args: Any, sliding_window: int | None, **options: Any) -> Any:
        window = None if sliding_window is None else sliding_window + off
        return right(*args, sliding_window=window, **options)

    monkeypatch.setattr(packed, "_attention", wrong)

    with ready(model, told) as forward:
        assert forward.packed is False
    assert "gave other results than padded input" in told.warnings[0]


def test_a_plugin_brings_a_family_of_its_own() -> None:
    class Own(transformers.BertForSequenceClassification):
        packed_family = Family()

    stock = tiny("bert")
    model = Own(stock.config).eval()
    model.load_state_dict(stock.state_dict())

    assert packable(model)
    with packed_forward(model), torch.no_grad():
        given = model(**packed_inputs(model)).logits
    torch.testing.assert_close(given, stock(**padded_inputs()).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("asked", ["output_hidden_states", "output_attentions"])
def test_models_that_give_more_than_logits_are_not_packed(asked: str) -> None:
    model = tiny("bert")
    model.set_attn_implementation("eager")
    setattr(model.config, asked, True)

    assert not packable(model)


class Holder:
    """As much of a classifier as `prepared` looks at."""

    labels = Labels(("a", "b", "c"))
    pad_token_id = 1

    def __init__(self, module: Any) -> None:
        self.module = module


class Told:
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def note(self, text: str) -> None:
        pass


@contextlib.contextmanager
def ready(model: Any, told: Told, **settings: Any) -> Any:
    target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32", **settings), told)
    with prepared(Holder(model), target, told, max_batch_tokens=64) as forward:
        yield forward


def all_logits(forward: Any) -> torch.Tensor:
    result = torch.empty(len(LENGTHS), 3)
    for rows in forward.shares(some_tokens(), np.arange(len(LENGTHS)), 1):
        result[rows] = forward.logits(forward.part(some_tokens(), rows))
    return result


def test_the_check_draws_no_dropout_and_leaves_the_model_training() -> None:
    model = tiny("bert", hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5).train()

    with ready(model, Told()) as forward:
        assert forward.packed

    assert model.training


@pytest.mark.parametrize("family", FAMILIES)
def test_every_listed_family_passes_the_check_at_the_start(family: str) -> None:
    told = Told()

    with ready(tiny(family), told) as forward, torch.no_grad():
        given = all_logits(forward)

    assert (forward.packed, told.warnings) == (True, [])
    torch.testing.assert_close(given, tiny(family)(**padded_inputs()).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["deberta", "deberta-v2", "albert"])
def test_other_families_are_padded_in_parts_and_right(family: str) -> None:
    told, model = Told(), tiny(family)

    with ready(model, told) as forward, torch.no_grad():
        given = all_logits(forward)

    assert (forward.packed, told.warnings) == (False, [])
    torch.testing.assert_close(given, model(**padded_inputs()).logits, rtol=1e-4, atol=1e-5)


def test_a_model_that_fails_the_check_is_padded_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told, model = Told(), tiny("roberta")
    monkeypatch.setattr(model, "packed_family", Family(after_padding=False), raising=False)

    with ready(model, told) as forward, torch.no_grad():
        given = all_logits(forward)

    assert forward.packed is False
    assert told.warnings == [
        "texts are padded, which is slower: packed input gave other results than padded input on this machine"
    ]
    torch.testing.assert_close(given, model(**padded_inputs()).logits, rtol=1e-4, atol=1e-5)


def test_a_model_whose_inside_is_unknown_is_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    told, model = Told(), tiny("bert")

    def missing(*_: Any) -> None:
        raise AttributeError("no such part")

    monkeypatch.setattr(selfcheck, "pack", missing)

    with ready(model, told) as forward:
        assert forward.packed is False
    assert "failed with AttributeError: no such part" in told.warnings[0]


def reference(packing: Packing, keep: torch.Tensor | None, q: Any, k: Any, v: Any, how: Attending) -> torch.Tensor:
    """Attention by its formula over the whole row, with texts kept apart by a mask; `keep` [H, T, T] scaled."""
    text = torch.full((len(k),), -1)
    for index, (start, length) in enumerate(zip(packing.starts, packing.lengths, strict=True)):
        text[start : start + length] = index
    scores = torch.einsum("qhd,khd->hqk", q, k) * how.scaling
    apart = text[:, None] != text[None]
    ahead = torch.arange(len(k))[None] - torch.arange(len(k))[:, None]
    if how.window is not None:
        apart |= ahead.abs() > how.window
    if how.causal:
        apart |= ahead > 0
    weights = scores.masked_fill(apart, -1e9).softmax(-1)
    weights = weights if keep is None else weights * keep
    return torch.einsum("hqk,khd->qhd", weights, v) * (text >= 0)[:, None, None]


def attention_case() -> tuple[Packing, list[torch.Tensor]]:
    packing = Packing([0, 32, 48], [20, 7, 16], torch.tensor([0, 32, 48]), None, RandomMasks())
    generator = torch.Generator().manual_seed(1)
    return packing, [torch.randn(80, 2, 8, generator=generator, requires_grad=True) for _ in range(3)]


def real_rows() -> torch.Tensor:
    rows = torch.zeros(80, 1, 1)
    for start, length in ((0, 20), (32, 7), (48, 16)):
        rows[start : start + length] = 1
    return rows


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [None, 4, 16])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_attention_and_its_gradients_follow_the_formula(rate: float, window: int | None, *, causal: bool) -> None:
    how = Attending(rate, 0.35, window, causal)
    packing, (q, k, v) = attention_case()
    keep = None
    if rate:
        packing.masks.seed(5)
        keep = torch.zeros(2, 80, 80)
        for start, slot in ((0, 32), (32, 16), (48, 16)):
            mask, kept = packing.masks.draw((2, slot, slot), rate)
            keep[:, start : start + slot, start : start + slot] = (mask != 0) / kept
        packing.masks.seed(5)
    expected = reference(packing, keep, q, k, v, how)
    wanted = torch.autograd.grad((expected * real_rows()).square().sum(), (q, k, v))

    given = packed_attention(q, k, v, packing, how)

    found = torch.autograd.grad((given * real_rows()).square().sum(), (q, k, v))
    torch.testing.assert_close(given * real_rows(), expected * real_rows(), rtol=1e-4, atol=1e-5)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_first_tokens_alone_see_what_they_see_among_all(rate: float) -> None:
    packing, (q, k, v) = attention_case()
    whole = packed_attention(q, k, v, packing, Attending(0.0, 0.35))[packing.first]

    alone = packed_attention(q[packing.first], k, v, packing, Attending(rate, 0.35))

    assert alone.shape == whole.shape
    if not rate:
        torch.testing.assert_close(alone, whole)


def test_parts_share_texts_out_evenly_within_the_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, size=64)

    parts = share(lengths, 4096)

    loads = [int(lengths[part].sum()) for part in parts]
    assert sorted(np.concatenate(parts).tolist()) == list(range(64))
    assert len(parts) == -(-int(lengths.sum()) // 4096)
    assert max(loads) - min(loads) < 100


def test_lora_adapters_are_packed_too(trainer: Callable[..., Any], classifier: Callable[..., Any], data: Any) -> None:
    peft = pytest.importorskip("peft")
    model = classifier()
    config = peft.LoraConfig(r=2, target_modules=["q_lin", "v_lin"], init_lora_weights=False)
    peft.inject_adapter_in_model(config, model.module)
    told = Told()
    target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32"), told)

    with prepared(model, target, told, max_batch_tokens=None) as forward:
        assert (forward.packed, told.warnings) == (True, [])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_nothing_is_dropped_where_only_a_part_of_a_model_is_training(
    trainer: Callable[..., Any], classifier: Callable[..., Any], precision: str
) -> None:
    model, predicting = classifier(), trainer(precision=precision)
    texts = ["w5 w6 w7", "w8"]
    expected = predicting.predict(model, texts, Quiet()).probabilities
    model.module.dropout.train()

    assert np.array_equal(predicting.predict(model, texts, Quiet()).probabilities, expected)
    assert not model.module.dropout.training


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_made_fast_where_a_model_trains(classifier: Callable[..., Any], *, training: bool) -> None:
    model, told = classifier(), Told()
    model.module.dropout.p = 0.1
    target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32"), told)

    with prepared(model, target, told, max_batch_tokens=None, training=training):
        assert ("forward" in vars(model.module.dropout)) is training


def test_whether_texts_are_packed_is_asked_once(
    trainer: Callable[..., Any], classifier: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("clsfw_gpu_trainer.forward.differs", lambda *args: asked.append(args))
    model, predicting = classifier(), trainer()
    first = predicting.predict(model, ["w5 w6"], Quiet())
    second = predicting.predict(model, ["w5 w6"], Quiet())

    assert len(asked) == 1
    assert first.probabilities.tolist() == second.probabilities.tolist()


@pytest.mark.parametrize("family", ["bert", "electra"])
def test_packed_token_types_give_the_logits_and_gradients_of_padded_ones(family: str) -> None:
    model = tiny(family)
    tokens = some_tokens()
    types = (np.arange(len(tokens.ids)) % 3 > 0).astype(np.int8)
    tokens, rows = replace(tokens, types=types), np.arange(len(LENGTHS))
    padded = padded_inputs()
    placed = np.zeros(padded["input_ids"].shape, dtype=np.int64)
    placed[padded["attention_mask"].numpy() == 1] = types
    expected, wanted = logits_and_gradients(model, {**padded, "token_type_ids": torch.from_numpy(placed)})

    with packed_forward(model):
        given, found = logits_and_gradients(model, pack(model, tokens, rows, CPU, RandomMasks()))

    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)
    assert_gradients_close(found, wanted)
    assert not torch.allclose(expected, logits_and_gradients(model, padded)[0], atol=1e-3)
