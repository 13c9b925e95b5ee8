"""Model folders that must be refused, each with one message; numbers are those of the catalogue of bad input."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from support.model_faults import MODEL_FAULTS, NEED_THE_WEIGHTS

from clsfw.contract.parts import Labels
from clsfw.errors import ModelError, NetworkError
from clsfw_hf_encoders import HfDistilbert, HfEncoder
from clsfw_hf_encoders.model import HfModel

if TYPE_CHECKING:
    from pathlib import Path

LABELS = Labels(("NEGATIVE", "POSITIVE"))


@pytest.mark.parametrize(
    ("spoil", "words"), [fault[1:] for fault in MODEL_FAULTS], ids=[fault[0] for fault in MODEL_FAULTS]
)
def test_a_spoiled_folder_is_refused(create: Any, spoiled: Any, spoil: Any, words: str) -> None:
    folder = spoiled()
    spoil(folder)

    with pytest.raises(ModelError, match=words) as error:
        create(folder.path)
    assert str(error.value).startswith(str(folder.path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [fault[1:] for fault in MODEL_FAULTS if fault[0] not in NEED_THE_WEIGHTS],
    ids=[fault[0] for fault in MODEL_FAULTS if fault[0] not in NEED_THE_WEIGHTS],
)
def test_the_check_before_a_run_refuses_it_too(spoiled: Any, spoil: Any, words: str) -> None:
    folder = spoiled()
    spoil(folder)

    with pytest.raises(ModelError, match=words):
        HfModel(HfDistilbert(checkpoint=str(folder.path), max_length=32)).check()


def test_82_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        HfModel(HfDistilbert(checkpoint=str(tmp_path / "nope"))).check()


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_87_a_decoder_has_a_component_of_its_own(create: Any, spoiled: Any, family: str) -> None:
    folder = spoiled()
    folder.configure(model_type=family)

    with pytest.raises(ModelError, match=f"is a '{family}' model, a decoder; use the model 'hf-decoder' for it"):
        create(folder.path, encoder=True)


@pytest.mark.parametrize("family", ["t5", "bart", "whisper"])
def test_87_what_is_no_encoder(create: Any, spoiled: Any, family: str) -> None:
    folder = spoiled()
    folder.configure(model_type=family, is_encoder_decoder=family in {"t5", "bart", "whisper"})

    with pytest.raises(ModelError, match=f"is a '{family}' model, not an encoder that classifies text"):
        create(folder.path, encoder=True)


def test_87_no_padding_token(create: Any, spoiled: Any) -> None:
    folder = spoiled()
    folder.configure("tokenizer_config.json", pad_token=None, tokenizer_class="PreTrainedTokenizerFast")

    with pytest.raises(ModelError, match="no padding token"):
        create(folder.path)


def test_89_positions_behind_the_padding_count_less(create: Any, checkpoint: Any) -> None:
    with pytest.raises(ModelError, match="takes 32 tokens at most; lower max_length = 33 to 32"):
        create(checkpoint("roberta"), encoder=True, max_length=33)


def test_89_the_longest_length_does_run(create: Any, checkpoint: Any) -> None:
    model = create(checkpoint("roberta"), encoder=True, max_length=32)
    ids = torch.tensor(model.tokenize(["film " * 50]).ids)

    assert ids.shape == (1, 32)
    assert model.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.shape == (1, 2)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_93_a_saved_model_that_was_spoiled(create: Any, checkpoint: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "model").mkdir()
    create(checkpoint()).save(tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(b"{")

    with pytest.raises(ModelError, match=f"model: .*{name.split('.', maxsplit=1)[0]}"):
        HfModel(HfDistilbert(checkpoint="elsewhere/nothing", max_length=32)).load(tmp_path / "model")


def test_81_offline_and_not_in_the_cache() -> None:
    with pytest.raises(NetworkError, match=r"cannot be reached .* give a local folder as checkpoint"):
        HfModel(HfEncoder(checkpoint="nobody/nothing")).check()


@pytest.mark.parametrize("name", ["a//b", "-a/b", "a/b..c", "x" * 200])
def test_81_what_no_hub_id_can_be(name: str) -> None:
    with pytest.raises(ModelError, match="is neither a folder here nor an id on the hub"):
        HfModel(HfEncoder.model_construct(checkpoint=name, revision=None, max_length=16)).check()


def test_messages_hold_no_stack_of_json(create: Any, spoiled: Any) -> None:
    folder = spoiled()
    (folder.path / "tokenizer.json").write_text(json.dumps({"model": {"type": "WordPiece", "vocab": "x" * 2000}}))

    with pytest.raises(ModelError) as error:
        create(folder.path)
    assert len(str(error.value)) < 600


def test_any_damage_ends_in_one_message_or_in_a_model(create: Any, spoiled: Any, tmp_path: Path) -> None:
    """Values and bytes are changed at random; the seed is fixed, so that a failure comes again."""
    random = Random(7)  # no secret
    folder = spoiled()
    whole = {file.name: file.read_bytes() for file in folder.path.iterdir()}
    refused: list[str] = []
    for _ in range(60):
        name = random.choice(sorted(whole))
        damaged = bytearray(whole[name])
        at = random.randrange(min(len(damaged), 1500))
        if name == "config.json":
            content = json.loads(damaged)
            content[random.choice(sorted(content))] = random.choice([None, -1, 0, "x", [], {}, True, 1e9, {"0": "a"}])
            damaged = bytearray(json.dumps(content).encode())
        elif random.random() < 0.3:
            del damaged[at:]
        else:
            damaged[at] ^= 1 << random.randrange(8)
        (folder.path / name).write_bytes(damaged)
        try:
            create(folder.path).tokenize(["a fine film"])
        except ModelError as error:
            refused.append(str(error))
        (folder.path / name).write_bytes(whole[name])

    assert 20 < len(refused) < 60
    assert not any("\n" in message for message in refused)
