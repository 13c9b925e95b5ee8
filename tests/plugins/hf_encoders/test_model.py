"""Starting, saving and getting back a classifier."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from datasets import Dataset
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from support.model_faults import Folder
from torch import nn

from clsfw.contract.parts import ChecksModel, HasProvenance, Labels, TorchClassifier
from clsfw.errors import ModelError
from clsfw_hf_encoders import BertSizes, DistilbertSizes, HfDistilbert, HfEncoder
from clsfw_hf_encoders.model import HfModel
from clsfw_hf_encoders.weights import Weights

if TYPE_CHECKING:
    from pathlib import Path

LABELS = Labels(("NEGATIVE", "POSITIVE"))
SIZES = DistilbertSizes(vocab_size=200, dim=16, n_layers=2, n_heads=2, hidden_dim=32)
TEXTS = ["a fine film with a lovely cast", "a dull plot"]


def logits(model: Any, text: str = "a fine film", padding: int = 0) -> torch.Tensor:
    ids = torch.tensor(model.tokenize([text]).ids)
    mask = nn.functional.pad(torch.ones_like(ids), (0, padding))
    with torch.inference_mode():
        padded = nn.functional.pad(ids, (0, padding), value=model.pad_token_id)
        return model.module.eval()(input_ids=padded, attention_mask=mask).logits


def turned_into(folder: Folder, family: str, **more: Any) -> Path:
    """Give a folder with an encoder of another family, of random weights, and without a head."""
    vocabulary = json.loads((folder.path / "config.json").read_text())["vocab_size"]
    config = transformers.AutoConfig.for_model(
        family, vocab_size=vocabulary, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=40, pad_token_id=0, initializer_range=0.2, **more,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(folder.path)
    folder.configure("tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    return folder.path


def scratch(**settings: Any) -> HfModel:
    return HfModel(HfDistilbert(scratch=SIZES, max_length=16, **settings))


def test_it_is_what_a_torch_trainer_needs(create: Any, checkpoint: Any) -> None:
    model = create(checkpoint())

    assert isinstance(model, TorchClassifier)
    assert (model.pad_token_id, model.max_length, model.labels) == (0, 32, LABELS)
    assert {value.dtype for value in model.module.parameters()} == {torch.float32}
    assert model.module.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("start", ["checkpoint", "scratch"])
def test_same_seed_same_bits_and_no_other_generator_touched(
    create: Any, checkpoint: Any, reporter: Any, start: str
) -> None:
    def started(seed: int) -> dict[str, torch.Tensor]:
        if start == "scratch":
            return scratch().create(LABELS, TEXTS, seed, reporter).module.state_dict()
        return create(checkpoint("bert"), encoder=True, seed=seed).module.state_dict()

    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = started(1), started(1), started(2)

    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])


def test_encoder_weights_are_those_of_the_checkpoint(create: Any, checkpoint: Any) -> None:
    ours = create(checkpoint("roberta"), encoder=True).module.roberta.state_dict()

    theirs = transformers.RobertaModel.from_pretrained(checkpoint("roberta"), add_pooling_layer=False).state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_half_precision_weights_become_float32(create: Any, spoiled: Any) -> None:
    folder = spoiled()
    folder.reweigh(lambda tensors: tensors.update({name: value.half() for name, value in tensors.items()}))

    assert {value.dtype for value in create(folder.path).module.parameters()} == {torch.float32}


def test_scratch_takes_the_names_of_the_configuration(reporter: Any) -> None:
    distilbert = scratch(dropout=0.0).create(LABELS, TEXTS, 0, reporter).module.config
    sizes = BertSizes(vocab_size=100, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    bert = HfModel(HfEncoder(scratch=sizes, max_length=16)).create(LABELS, TEXTS, 0, reporter).module.config

    assert (distilbert.dim, distilbert.n_layers, distilbert.n_heads, distilbert.hidden_dim) == (16, 2, 2, 32)
    assert (distilbert.dropout, distilbert.attention_dropout, distilbert.seq_classif_dropout) == (0.0, 0.1, 0.2)
    assert (bert.model_type, bert.hidden_size, bert.intermediate_size) == ("bert", 8, 16)
    assert distilbert.max_position_embeddings == bert.max_position_embeddings == 16


def test_scratch_learns_from_a_column_of_a_data_set(reporter: Any) -> None:
    column = Dataset.from_dict({"text": TEXTS * 20})["text"]

    model = scratch().create(LABELS, column, 0, reporter)

    assert "film" in model._tokenizer.get_vocab()


@pytest.mark.parametrize("family", ["distilbert", "bert", "roberta"])
def test_saved_and_loaded(create: Any, checkpoint: Any, tmp_path: Path, family: str) -> None:
    encoder, text = family != "distilbert", "a fine film, " * 20
    model = create(checkpoint(family), encoder=encoder, max_length=16)
    model.save(tmp_path)

    kind = HfEncoder if encoder else HfDistilbert
    again = HfModel(kind(checkpoint="elsewhere/nothing", max_length=16)).load(tmp_path)

    assert torch.equal(logits(again, text), logits(model, text))
    assert again.tokenizer_key() == model.tokenizer_key()
    assert (again.labels, again.max_length) == (LABELS, 16)


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("electra", {"embedding_size": 16}),
        ("mpnet", {}),
        ("albert", {"embedding_size": 16}),
        ("deberta-v2", {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}),
        ("xlm-roberta", {}),
        ("modernbert", {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}),
    ],
)
def test_other_encoders(
    create: Any, spoiled: Any, reporter: Any, tmp_path: Path, family: str, more: dict[str, Any]
) -> None:
    model = create(turned_into(spoiled(), family, **more), encoder=True, freeze="encoder")
    (tmp_path / "out").mkdir()
    model.save(tmp_path / "out")

    again = HfModel(HfEncoder(checkpoint="elsewhere/nothing", max_length=32)).load(tmp_path / "out")
    assert torch.equal(logits(again), logits(model))
    assert model.parameters()[1] < model.parameters()[0]
    torch.testing.assert_close(logits(model, padding=13), logits(model))
    assert reporter.warnings == []


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("fnet", {}),
        ("convbert", {"embedding_size": 16}),
        ("nystromformer", {"num_landmarks": 4, "segment_means_seq_len": 4}),
        ("yoso", {}),
    ],
)
def test_encoders_that_padding_takes_part_in(
    create: Any, spoiled: Any, reporter: Any, family: str, more: dict[str, Any]
) -> None:
    folder = turned_into(spoiled(), family, **more)
    model = create(folder, encoder=True)

    assert (logits(model, padding=13) - logits(model)).abs().max() > 1e-3 * logits(model).abs().max()
    assert [f"the answer of a '{family}' model for a text depends on the padding" in w for w in reporter.warnings] == [
        True
    ]
    facts = HfModel(HfEncoder(checkpoint=str(folder), max_length=32)).check()
    assert facts["padding"] == "changes the answers of this architecture"


def test_several_labels_per_text_are_remembered(tmp_path: Path, reporter: Any) -> None:
    labels = Labels(("a", "b", "c"), multi_label=True)
    scratch().create(labels, TEXTS, 0, reporter).save(tmp_path)

    assert scratch().load(tmp_path).labels == labels


def test_a_plain_pipeline_loads_it_and_speaks_the_labels(create: Any, checkpoint: Any, tmp_path: Path) -> None:
    model = create(checkpoint())
    model.save(tmp_path)

    given = transformers.pipeline("text-classification", model=str(tmp_path), top_k=None)(
        ["a fine film " * 40], truncation=True
    )

    expected = logits(model, "a fine film " * 40).softmax(dim=1)[0]
    found = {entry["label"]: entry["score"] for entry in given[0]}
    assert found == pytest.approx({"NEGATIVE": expected[0].item(), "POSITIVE": expected[1].item()}, rel=1e-5)


def test_saved_files_tell_nothing_of_this_machine(create: Any, spoiled: Any, tmp_path: Path) -> None:
    folder = spoiled()
    tokenizer = json.loads((folder.path / "tokenizer.json").read_text())
    tokenizer["truncation"] = {"max_length": 7, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    (folder.path / "tokenizer.json").write_text(json.dumps(tokenizer))
    (tmp_path / "out").mkdir()
    create(folder.path).save(tmp_path / "out")

    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        assert str(tmp_path).encode() not in content, file
        assert b"training_args" not in content, file
    assert json.loads((tmp_path / "out" / "tokenizer.json").read_text())["truncation"] is None
    assert len({file.stat().st_mode & 0o777 for file in (tmp_path / "out").iterdir()}) == 1


def test_saving_twice_gives_the_same_bytes(create: Any, checkpoint: Any, tmp_path: Path) -> None:
    hashes = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        create(checkpoint()).save(tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        hashes.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})

    assert hashes[0] == hashes[1]


def test_parameters_are_counted(reporter: Any) -> None:
    model = scratch(freeze="encoder").create(LABELS, TEXTS, 0, reporter)

    everything = sum(value.numel() for value in model.module.parameters())
    head = 16 * 16 + 16 + 16 * 2 + 2
    assert model.parameters() == (everything, head)


def test_provenance(create: Any, checkpoint: Any, reporter: Any) -> None:
    model = HfModel(HfDistilbert(checkpoint=str(checkpoint()), max_length=32))
    assert isinstance(model, HasProvenance)
    assert model.provenance() == {}

    model.create(LABELS, [], 0, reporter)

    weights = hashlib.sha256((checkpoint() / "model.safetensors").read_bytes()).hexdigest()
    facts = model.provenance()
    assert (facts["checkpoint"], facts["weights_sha256"]) == ("distilbert", weights)
    assert facts["architecture"] == "DistilBertForSequenceClassification"
    assert not any(str(checkpoint().parent) in value for value in facts.values())


def test_check_tells_what_is_known_before_weights_are_loaded(checkpoint: Any) -> None:
    model = HfModel(HfEncoder(checkpoint=str(checkpoint("roberta")), max_length=32))

    assert isinstance(model, ChecksModel)
    facts = model.check()
    assert (facts["architecture"], facts["longest input"]) == ("roberta", "32 tokens")


def test_weights_in_several_files_are_those_in_one(checkpoint: Any, reporter: Any, tmp_path: Path) -> None:
    whole = HfModel(HfDistilbert(checkpoint=str(checkpoint()), max_length=32)).create(LABELS, [], 0, reporter)
    assert len(list(checkpoint("pieces").glob("model-*.safetensors"))) > 2
    model = HfModel(HfDistilbert(checkpoint=str(checkpoint("pieces")), max_length=32))

    made = model.create(LABELS, [], 0, reporter)

    weights = whole.module.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in made.module.state_dict().items())
    assert model.check()["parameters"] == f"{sum(tensor.numel() for tensor in weights.values()):,}"
    assert len(model.provenance()["weights_sha256"]) == 64
    made.save(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


def test_the_hash_of_weights_in_several_files_tells_each_of_them(checkpoint: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint("pieces"), copy)
    before = Weights(copy, "copy").sha256()
    piece = sorted(copy.glob("model-*.safetensors"))[1]
    tensors = load_file(piece)
    next(iter(tensors.values())).add_(1)
    save_file(tensors, piece)

    assert before == Weights(checkpoint("pieces"), "pieces").sha256()
    assert Weights(copy, "copy").sha256() != before


def test_check_says_that_texts_will_be_packed(checkpoint: Any) -> None:
    facts = HfModel(HfEncoder(checkpoint=str(checkpoint("modernbert")), max_length=32)).check()

    assert facts["with gpu-trainer"] == "packed without padding"


def test_check_says_why_texts_will_be_padded(checkpoint: Any) -> None:
    facts = HfModel(HfEncoder(checkpoint=str(checkpoint("albert")), max_length=32)).check()

    assert facts["with gpu-trainer"] == (
        "padded, sorted by length: AlbertForSequenceClassification is not among the packed architectures"
    )


def test_check_of_a_model_from_nothing() -> None:
    assert scratch().check()["architecture"] == "distilbert"


def test_dropout_that_the_model_does_not_have(create: Any, spoiled: Any) -> None:
    folder = spoiled("distilbert")
    with pytest.raises(ModelError, match="a 'distilbert' model has no setting 'classifier_dropout'"):
        create(folder.path, encoder=True, classifier_dropout=0.0)


class TestHead:
    """A head that was trained for other labels is never used in silence."""

    def test_none_in_the_checkpoint(self, create: Any, checkpoint: Any, reporter: Any) -> None:
        create(checkpoint("bert"), encoder=True)

        assert reporter.notes == ["the checkpoint has no classification head; a new one is drawn by the seed"]

    def test_same_labels(self, create: Any, checkpoint: Any, reporter: Any) -> None:
        model = create(checkpoint(), labels=Labels(("negative", "Positive")), seed=9)

        kept = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint())
        assert torch.equal(model.module.classifier.weight, kept.classifier.weight)
        assert reporter.notes == ["the checkpoint's head is kept, for it has the same labels"]
        assert model.module.config.id2label == {0: "negative", 1: "Positive"}

    def test_unnamed_labels(self, create: Any, spoiled: Any, reporter: Any) -> None:
        folder = spoiled()
        folder.configure(id2label=None, label2id=None)
        model = create(folder.path)

        kept = transformers.AutoModelForSequenceClassification.from_pretrained(folder.path)
        assert torch.equal(model.module.classifier.weight, kept.classifier.weight)
        assert reporter.notes == [
            "the checkpoint's head is kept; its unnamed labels are taken as 'NEGATIVE', 'POSITIVE'"
        ]

    @pytest.mark.parametrize("family", ["distilbert", "albert", "modernbert"])
    def test_same_labels_in_another_order(
        self, create: Any, checkpoint: Any, reporter: Any, tmp_path: Path, family: str
    ) -> None:
        folder = Folder(shutil.copytree(checkpoint(family), tmp_path / family))
        folder.configure(id2label={"1": "NEGATIVE", "0": "POSITIVE"}, label2id=None)
        theirs = transformers.AutoModelForSequenceClassification.from_pretrained(folder.path)
        theirs.get_parameter("classifier.bias").data[0] = 1.0
        theirs.save_pretrained(folder.path)

        model = create(folder.path, encoder=True)

        ids = torch.tensor(model.tokenize(["a fine film"]).ids)
        with torch.inference_mode():
            expected = theirs.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        assert model.labels.names == ("NEGATIVE", "POSITIVE")
        torch.testing.assert_close(logits(model), expected.flip(1))
        assert reporter.notes == [
            "the checkpoint's head is kept; its labels are put in the order 'NEGATIVE', 'POSITIVE'"
        ]

    def test_names_that_differ_in_case_alone_have_no_order(self, create: Any, spoiled: Any, reporter: Any) -> None:
        folder = spoiled()
        folder.configure(id2label={"0": "A", "1": "a", "2": "b"}, label2id=None)
        folder.reweigh(
            lambda tensors: tensors.update({"classifier.weight": torch.zeros(3, 16), "classifier.bias": torch.zeros(3)})
        )

        create(folder.path, labels=Labels(("b", "a", "A")))

        assert reporter.warnings == ["the checkpoint's head is for 'A', 'a', 'b'; a new one is drawn for 'b', 'a', 'A'"]

    @pytest.mark.parametrize("names", [("no", "yes"), ("a", "b", "c")])
    def test_other_labels(self, create: Any, checkpoint: Any, reporter: Any, names: tuple[str, ...]) -> None:
        model = create(checkpoint(), labels=Labels(names))

        theirs = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint())
        assert not torch.equal(model.module.pre_classifier.weight, theirs.pre_classifier.weight)
        assert model.module.classifier.weight.shape == (len(names), 16)
        assert reporter.warnings == [
            "the checkpoint's head is for 'NEGATIVE', 'POSITIVE'; a new one is drawn for " + ", ".join(map(repr, names))
        ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs a checkpoint to start from"),
        ({"checkpoint": "a/b", "scratch": SIZES}, "exclude each other"),
        ({"checkpoint": "/some/folder", "revision": "main"}, "a folder has none"),
        ({"checkpoint": "a/b", "max_length": 2}, "greater than or equal to 3"),
        ({"checkpoint": "a/b", "lora": {}, "freeze": "encoder"}, "freeze has no meaning"),
        ({"scratch": {"dim": 10, "n_heads": 4}}, "must be a multiple of n_heads = 4"),
        ({"checkpoint": "a/b", "freeze": 0}, "greater than or equal to 1"),
        ({"checkpoint": "a/b", "dropout": 1.0}, "less than 1"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        HfDistilbert(**settings)
