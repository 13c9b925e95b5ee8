"""Decoders as classifiers: which token they read, what is trained, and whole runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.reporting import Remembering
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import clsfw
from clsfw import HostError
from clsfw.contract.parts import Labels
from clsfw.report.display import Quiet
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.trainer import GpuTrainer
from clsfw_hf_decoders import HfDecoder
from clsfw_hf_encoders.model import HfModel
from tests.plugins.hf_decoders.conftest import TEXTS, make

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = Labels(("bad", "good"))


def created(folder: Path, **settings: Any) -> Any:
    model = HfModel(HfDecoder(checkpoint=str(folder), max_length=48, **settings))
    return model.create(LABELS, [], 0, Remembering())


def chances(classifier: Any, texts: list[str]) -> Any:
    trainer = GpuTrainer(GpuTrainerSettings(device="cpu", precision="fp32"))
    return trainer.predict(classifier, texts, Quiet()).probabilities


@pytest.mark.parametrize("padding", [None, "<pad>", "</s>"])
@pytest.mark.parametrize("end", [False, True])
def test_a_text_gets_the_same_answer_alone_and_in_any_batch(tmp_path: Path, padding: str | None, *, end: bool) -> None:
    classifier = created(make(tmp_path / "llama", padding=padding, end=end))
    many = [TEXTS[i % 4] + f" {i}" for i in range(64)]

    together = chances(classifier, many)

    alone = np.concatenate([chances(classifier, [text]) for text in many])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("padding", [None, "<pad>"])
def test_what_is_saved_answers_as_transformers_does(tmp_path: Path, padding: str | None, side: str) -> None:
    classifier = created(make(tmp_path / "llama", padding=padding), lora=False)
    (tmp_path / "saved").mkdir()

    classifier.save(tmp_path / "saved")

    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "saved", padding_side=side)
    inputs = tokenizer(TEXTS, padding=True, truncation=True, max_length=48, return_tensors="pt")
    with torch.no_grad():
        expected = stock(**inputs).logits.softmax(1).numpy()
    np.testing.assert_allclose(chances(classifier, TEXTS), expected, atol=1e-5)


def test_only_adapters_and_head_are_trained_unless_all_weights_are_asked_for(checkpoint: Path) -> None:
    adapted, whole = created(checkpoint), created(checkpoint, lora=False)

    trained = {name for name, parameter in adapted.module.named_parameters() if parameter.requires_grad}

    assert all(".lora_" in name or name.startswith("score") for name in trained)
    assert {"q_proj", "v_proj"} == {name.split(".")[4] for name in trained if ".lora_" in name}
    assert all(parameter.requires_grad for parameter in whole.module.parameters())


def test_weights_that_are_not_trained_may_be_bf16(checkpoint: Path, tmp_path: Path) -> None:
    classifier, exact = created(checkpoint, lora={"dtype": "bfloat16"}), created(checkpoint, lora=False)

    kinds = {(parameter.requires_grad, parameter.dtype) for parameter in classifier.module.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}

    (tmp_path / "saved").mkdir()
    classifier.save(tmp_path / "saved")
    saved = load_file(tmp_path / "saved" / "model.safetensors")
    for name, value in exact.module.state_dict().items():
        wanted = value if name.startswith("score") else value.bfloat16().float()
        assert torch.equal(saved[name], wanted)


@pytest.mark.filterwarnings("ignore:this CPU has no bf16")
@pytest.mark.parametrize("trainer", ["gpu-trainer", "hf-trainer"])
def test_adapters_learn_on_weights_in_bf16(checkpoint: Path, run: Callable[..., Any], trainer: str) -> None:
    words = {"model.lora": {"dtype": "bfloat16"}, "trainer.precision": "bf16", "trainer.learning_rate": 0.02}
    found = run(trainer, **words)

    assert found.metrics["test"]["accuracy"] > 0.9
    assert not any("padded, which is slower" in warning for warning in found.record.get("warnings", []))


@pytest.mark.parametrize("trainer", ["gpu-trainer", "hf-trainer"])
def test_weights_in_bf16_need_arithmetic_in_bf16(checkpoint: Path, run: Callable[..., Any], trainer: str) -> None:
    with pytest.raises(
        HostError, match="dtype = 'bfloat16' needs arithmetic in bf16, and here it is fp32; write precision"
    ):
        run(trainer, **{"model.lora": {"dtype": "bfloat16"}})


def test_both_trainers_train_it_alike_and_it_is_loaded_again(checkpoint: Path, run: Callable[..., Any]) -> None:
    packed, padded = run("gpu-trainer"), run("hf-trainer")

    texts = ["film 3 is fine", "film 99 is dull", "fine"]
    first, second = (clsfw.load(found.directory).predict(texts).probabilities for found in (packed, padded))
    assert packed.metrics["test"]["accuracy"] > 0.9
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_check_tells_what_it_found(checkpoint: Path) -> None:
    facts = HfModel(HfDecoder(checkpoint=str(checkpoint), max_length=48)).check()

    assert (facts["architecture"], facts["longest input"], facts["padding token"]) == ("llama", "64 tokens", "'</s>'")
    assert facts["with gpu-trainer"] == "packed without padding"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs a checkpoint to start from"),
        ({"checkpoint": "/c", "scratch": {}}, "Extra inputs"),
        ({"checkpoint": "/c", "freeze": "embeddings"}, "lora = false turns that off"),
        ({"checkpoint": "/c", "lora": True}, "lora"),
    ],
)
def test_mistakes_in_the_settings(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HfDecoder(**given)
