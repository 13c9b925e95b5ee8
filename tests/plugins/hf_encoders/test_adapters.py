"""Which parameters train."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch

from clsfw.errors import HostError, ModelError
from clsfw_hf_encoders import HfDistilbert
from clsfw_hf_encoders.model import HfModel

if TYPE_CHECKING:
    from pathlib import Path


def frozen(model: Any) -> set[str]:
    """Name the parts that do not train: `embeddings`, `layer.N`, `pooler`, and so on."""
    found = set()
    for name, value in model.module.named_parameters():
        if not value.requires_grad:
            layer = name.partition("layer.")[2].split(".")[0]
            found.add(f"layer.{layer}" if layer.isdecimal() else name.split(".")[1])
    return found


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        (None, set()),
        ("embeddings", {"embeddings"}),
        (2, {"embeddings", "layer.0", "layer.1"}),
        ("encoder", {"embeddings", "layer.0", "layer.1", "layer.2"}),
    ],
)
def test_freezing(create: Any, checkpoint: Any, freeze: Any, expected: set[str]) -> None:
    assert frozen(create(checkpoint(), freeze=freeze)) == expected


def test_freezing_of_a_bert(create: Any, checkpoint: Any) -> None:
    assert frozen(create(checkpoint("bert"), encoder=True, freeze=1)) == {"embeddings", "layer.0"}


def test_freezing_more_layers_than_there_are(create: Any, checkpoint: Any) -> None:
    with pytest.raises(ModelError, match="freeze = 4: DistilBertForSequenceClassification has 3 layers"):
        create(checkpoint(), freeze=4)


def test_adapters_and_head_are_all_that_trains(create: Any, checkpoint: Any) -> None:
    model = create(checkpoint(), lora={"r": 2})

    trained = {name for name, value in model.module.named_parameters() if value.requires_grad}
    assert all("lora_" in name or name.startswith(("pre_classifier", "classifier")) for name in trained)
    assert sum("lora_A" in name for name in trained) == 3 * 2  # queries and values of three layers


def test_adapters_start_without_effect_and_are_saved_merged(create: Any, checkpoint: Any, tmp_path: Path) -> None:
    plain, model = create(checkpoint()), create(checkpoint(), lora={"r": 2, "alpha": 4})
    ids = torch.arange(5, 15)[None]
    assert torch.equal(plain.module(input_ids=ids).logits, model.module(input_ids=ids).logits)

    for name, value in model.module.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(value, std=0.3)
    model.save(tmp_path)

    again = HfModel(HfDistilbert(checkpoint=str(checkpoint()), lora={"r": 2}, max_length=32)).load(tmp_path)
    assert again.module.state_dict().keys() == plain.module.state_dict().keys()
    torch.testing.assert_close(again.module(input_ids=ids).logits, model.module(input_ids=ids).logits)
    assert not torch.allclose(again.module(input_ids=ids).logits, plain.module(input_ids=ids).logits)


def test_named_layers_get_the_adapters(create: Any, checkpoint: Any) -> None:
    model = create(checkpoint("bert"), encoder=True, lora={"r": 2, "target_modules": ["key"]})

    names = [name for name, _ in model.module.named_parameters() if "lora_" in name]
    assert names
    assert all(".key." in name for name in names)


@pytest.mark.parametrize(
    ("target", "words"),
    [("nothing_like_it", "target_modules"), ("pre_classifier", "'pre_classifier' belongs to the head")],
)
def test_layers_that_cannot_have_adapters(create: Any, checkpoint: Any, target: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        create(checkpoint(), lora={"target_modules": [target]})


def test_without_peft(create: Any, checkpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(HostError, match=r"needs the library peft: pip install 'clsfw\[lora\]'"):
        create(checkpoint(), lora={})
