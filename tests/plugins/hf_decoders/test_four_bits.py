"""Weights that are not trained in 4 bits (QLoRA): what is held, what is computed, and what is saved."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.reporting import Remembering

import clsfw
from clsfw import HostError
from clsfw.contract.parts import Labels
from clsfw.testing import trainer_checks
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject
from clsfw_gpu_trainer import register_trainers as gpu_trainers
from clsfw_hf_decoders import HfDecoder, register_models
from clsfw_hf_encoders import HfDistilbert
from clsfw_hf_encoders.four_bits import FourBits
from clsfw_hf_encoders.model import HfModel
from clsfw_hf_trainer import register_trainers as hf_trainers
from tests.plugins.hf_decoders.conftest import make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("bitsandbytes", reason="needs the extra clsfw[qlora]")

LABELS = Labels(("bad", "good"))
FOUR_BITS = {"dtype": "nf4", "r": 2}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("four-bits") / "llama")


def created(folder: Path, **lora: Any) -> Any:
    model = HfModel(HfDecoder(checkpoint=str(folder), max_length=48, lora={**FOUR_BITS, **lora}))
    return model.create(LABELS, [], 0, Remembering())


def test_linear_layers_are_packed_and_all_else_is_float32(llama: Path) -> None:
    classifier = created(llama)

    packed = {name: part for name, part in classifier.module.named_modules() if isinstance(part, FourBits)}
    linear = [name for name, part in classifier.module.named_modules() if type(part) is torch.nn.Linear]
    assert len(packed) == 2 * 7  # of both layers
    assert all(part.packed.numel() == part.shape.numel() / 2 for part in packed.values())
    assert all("lora_" in name or name == "score" for name in linear)
    assert {parameter.dtype for parameter in classifier.module.parameters()} == {torch.float32}
    assert classifier.parameters()[0] == created(llama, dtype="float32").parameters()[0]


def test_answers_and_gradients_are_those_of_a_linear_layer_with_the_unpacked_weight() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 48)
    packed = FourBits(layer)
    layer.weight.data = packed.unpacked(torch.float32)
    values = torch.randn(3, 5, 64, requires_grad=True)

    expected, given = layer(values), packed(values)
    (wanted,), (found,) = (torch.autograd.grad(product.square().sum(), values) for product in (expected, given))

    torch.testing.assert_close(given, expected)
    torch.testing.assert_close(found, wanted)


def test_the_product_is_that_of_the_library() -> None:
    import bitsandbytes

    torch.manual_seed(0)
    packed = FourBits(torch.nn.Linear(64, 48, bias=False))
    values = torch.randn(7, 64)
    state = bitsandbytes.functional.QuantState(
        packed.scales, shape=packed.shape, dtype=torch.float32, blocksize=64, quant_type="nf4"
    )
    theirs = bitsandbytes.matmul_4bit(values, packed.packed.t(), quant_state=state)

    torch.testing.assert_close(packed(values), theirs)


def test_weights_are_rounded_as_the_paper_has_it() -> None:
    layer = torch.nn.Linear(64, 2, bias=False)
    torch.nn.init.normal_(layer.weight)

    weight = FourBits(layer).unpacked(torch.float32)

    shares = weight / layer.weight.abs().amax(dim=1, keepdim=True)  # a row is a block of 64
    assert shares.round(decimals=4).unique().numel() <= 16
    assert shares.abs().max() == 1
    assert (weight - layer.weight).abs().max() <= 0.16 * layer.weight.abs().max()  # half the widest step


def test_arithmetic_in_bf16_is_that_of_the_trainer() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert FourBits(torch.nn.Linear(64, 48))(torch.randn(2, 64)).dtype is torch.bfloat16


def test_what_is_saved_has_plain_weights_and_the_adapters_merged_in(llama: Path, tmp_path: Path) -> None:
    classifier = created(llama)
    for name, value in classifier.module.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.3)
    ids = torch.arange(5, 15)[None]

    classifier.save(tmp_path)

    kinds = {value.dtype for value in load_file(tmp_path / "model.safetensors").values()}
    plain = HfModel(HfDecoder(checkpoint=str(llama), max_length=48, lora=False)).load(tmp_path)
    assert kinds == {torch.float32}
    with torch.no_grad():
        given, expected = (model.module(input_ids=ids).logits for model in (plain, classifier))
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)


def test_an_encoder_may_have_them_too(tmp_path: Path) -> None:
    sizes = {"vocab_size": 100, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    model = HfModel(HfDistilbert(scratch=sizes, max_length=16, lora=FOUR_BITS))
    classifier = model.create(LABELS, ["a fine film", "a dull plot"], 0, Remembering())
    ids = torch.tensor([[2, 5, 6, 3]])

    classifier.save(tmp_path)

    with torch.no_grad():
        given, expected = (m.module(input_ids=ids).logits for m in (model.load(tmp_path), classifier))
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trainer", ["gpu-trainer", "hf-trainer"])
def test_adapters_learn_on_them(llama: Path, tmp_path: Path, run: Callable[..., Any], trainer: str) -> None:
    (tmp_path / "llama").symlink_to(llama)

    found = run(trainer, **{"model.lora": {"dtype": "nf4"}, "trainer.learning_rate": 0.02})

    again = clsfw.load(found.directory).predict(["film 3 is fine", "film 99 is dull"])
    assert found.metrics["test"]["accuracy"] > 0.9
    assert not any("padded, which is slower" in warning for warning in found.record.get("warnings", []))
    assert np.argmax(again.probabilities, axis=1).tolist() == [1, 0]


@pytest.mark.parametrize("trainers", [gpu_trainers, pytest.param(hf_trainers, marks=pytest.mark.slow)])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(llama: Path, trainers: Any) -> None:
    (trainer,), (model,) = trainers(), register_models()
    values = {"checkpoint": str(llama), "max_length": 48, "lora": FOUR_BITS}
    subject = Subject("trainer", trainer, {"device": "cpu", "precision": "fp32", "max_steps": 2})

    Check(subject.beside(Subject("model", model, values)), trainer_checks.resumed_equals_uninterrupted)()


def test_check_tells_what_they_save_and_cost(llama: Path) -> None:
    settings = HfDecoder(checkpoint=str(llama), max_length=48, lora=FOUR_BITS)

    told = HfModel(settings).check()["in 4 bits"]

    assert told.startswith("15,360 weights; all take ")
    assert "rounded to one of 16 values" in told


def test_without_bitsandbytes(llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else find(name))

    with pytest.raises(HostError, match=r"needs the library bitsandbytes: pip install 'clsfw\[qlora\]'"):
        created(llama)
