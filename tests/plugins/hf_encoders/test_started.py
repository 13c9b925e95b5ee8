"""A plain checkpoint is known before torch is imported, and is then what `HfModel` makes of it."""

from __future__ import annotations

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from clsfw.contract.parts import Labels, TorchClassifier
from clsfw.errors import ModelError
from clsfw_hf_encoders import HfDistilbert, HfEncoder, register_models
from clsfw_hf_encoders.late import LateClassifier
from clsfw_hf_encoders.model import HfModel
from clsfw_hf_encoders.started import StartedModel
from clsfw_hf_encoders.vocabulary import bert_tokenizer, learn_vocabulary

LABELS = Labels(("a", "b", "c"))
TEXTS = ["a fine film with a lovely cast", "a dull plot", "Ein schöner Film, 日本"] * 3
PAIRS = [("a fine film", "a dull plot with a lovely cast")]
BERT = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2}
DISTILBERT = {"dim": 12, "hidden_dim": 20, "n_layers": 2, "n_heads": 2}
KINDS = {
    "bert": ("BertModel", BERT),
    "bert without pooler": ("BertForMaskedLM", BERT),
    "distilbert": ("DistilBertForMaskedLM", DISTILBERT),
    "distilbert alone": ("DistilBertModel", DISTILBERT),
}


@pytest.fixture
def made(tmp_path):
    """Give a way to make a checkpoint of one of the kinds, which has no classifier."""

    def make(kind):
        name, sizes = KINDS[kind]
        tokenizer = bert_tokenizer(learn_vocabulary(TEXTS, 120), 40)
        config = transformers.AutoConfig.for_model(
            kind.partition(" ")[0], **sizes, vocab_size=len(tokenizer), max_position_embeddings=40, pad_token_id=0
        )
        torch.manual_seed(3)
        getattr(transformers, name)(config).save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        return tmp_path

    return make


def change(file, **values):
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({key: v for key, v in {**content, **values}.items() if v != "gone"}), encoding="utf-8")


def both(folder, **more):
    settings = HfEncoder(checkpoint=str(folder), max_length=12, **more)
    return StartedModel(settings), HfModel(settings)


def started(model, reporter):
    return model.create(LABELS, TEXTS, 5, reporter)


def assert_alike(ours, theirs, reporter):
    assert ours.check() == theirs.check()
    early, whole = started(ours, reporter), started(theirs, reporter)
    half = len(reporter.notes) // 2
    assert reporter.notes[:half] == reporter.notes[half:]
    assert early.parameters() == whole.parameters()
    assert early.tokenizer_key() == whole.tokenizer_key()
    assert early.tokenize(TEXTS).ids == whole.tokenize(TEXTS).ids
    assert early.tokenize(PAIRS).types == whole.tokenize(PAIRS).types
    assert early.pad_token_id == whole.pad_token_id
    assert ours.provenance() == theirs.provenance()
    assert early.module.state_dict().keys() == whole.module.state_dict().keys()
    assert all(torch.equal(early.module.state_dict()[name], value) for name, value in whole.module.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_known_early_is_what_transformers_makes_of_it(made, kind, reporter):
    ours, theirs = both(made(kind))

    early = started(ours, reporter)
    assert isinstance(early, LateClassifier)
    assert isinstance(early, TorchClassifier)
    ours.check()
    assert "_whole" not in vars(ours)
    assert ["the checkpoint has no classification head; a new one is drawn by the seed"] == reporter.notes
    del reporter.notes[:]
    assert_alike(ours, theirs, reporter)


@pytest.mark.parametrize("kind", ["BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast", "gone"])
def test_tokenizers_by_other_names_give_the_same_tokens(made, kind, reporter):
    folder = made("distilbert")
    change(folder / "tokenizer_config.json", tokenizer_class=kind)
    ours, theirs = both(folder)

    assert isinstance(started(ours, reporter), LateClassifier)
    del reporter.notes[:]
    assert_alike(ours, theirs, reporter)


def turn_case(folder):
    change(folder / "tokenizer_config.json", do_lower_case=False)


def strip(folder):
    change(folder / "tokenizer_config.json", strip_accents=True)


def other_template(folder):
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["post_processor"]["single"] = content["post_processor"]["single"][:2]
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")


def other_activation(folder):
    change(folder / "config.json", hidden_act="relu")


def unknown_key(folder):
    change(folder / "config.json", is_decoder=False, chunk_size_feed_forward=0)


def old_names(folder):
    weights = load_file(folder / "model.safetensors")
    turned = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): value for name, value in weights.items()}
    save_file(turned, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("spoil", [turn_case, strip, other_template, other_activation, unknown_key, old_names])
def test_what_is_unusual_is_left_to_transformers(made, spoil, reporter):
    folder = made("bert")
    spoil(folder)
    ours, theirs = both(folder)

    assert not isinstance(started(ours, reporter), LateClassifier)
    del reporter.notes[:]
    assert_alike(ours, theirs, reporter)


def test_a_checkpoint_with_a_head_is_left_to_transformers(checkpoint, reporter):
    ours, theirs = both(checkpoint())

    assert not isinstance(started(ours, reporter), LateClassifier)
    del reporter.notes[:], reporter.warnings[:]
    assert_alike(ours, theirs, reporter)


def cut(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-100])


def lose_a_layer(folder):
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "layer.1." not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def other_shape(folder):
    change(folder / "config.json", intermediate_size=24)


def other_heads(folder):
    change(folder / "config.json", num_attention_heads=5)


def no_padding(folder):
    change(folder / "tokenizer_config.json", pad_token=None)


def no_json(folder):
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")


def few_tokens(folder):
    change(folder / "config.json", vocab_size=10)


@pytest.mark.parametrize("spoil", [cut, lose_a_layer, other_shape, other_heads, no_padding, no_json, few_tokens])
def test_what_is_wrong_is_said_as_transformers_has_it(made, spoil, reporter):
    folder = made("bert")
    spoil(folder)
    said = []
    for model in both(folder):
        try:
            model.check()
            started(model, reporter).module  # noqa: B018  # it is made when it is asked for
            said.append("nothing")
        except ModelError as exc:
            said.append(str(exc))

    assert said[0] == said[1]
    if spoil not in {no_padding, no_json}:  # for which transformers finds another way
        assert said[0] != "nothing"


def test_dropouts_and_what_needs_the_module_are_left_to_transformers(made, reporter):
    ours, theirs = both(made("bert"), hidden_dropout_prob=0.2)
    assert 0.2 == started(ours, reporter).module.config.hidden_dropout_prob
    assert not isinstance(started(ours, reporter), LateClassifier)

    build = register_models()[1].build
    assert isinstance(build(theirs._settings), StartedModel)
    for more in ({"freeze": "embeddings"}, {"lora": {"r": 2}}, {"windows": {"stride": 4}}):
        assert isinstance(build(HfEncoder.model_validate({"checkpoint": "/m", "max_length": 12, **more})), HfModel)


def test_a_model_of_another_family_is_refused_as_before(made):
    with pytest.raises(ModelError, match="is a 'bert' model, not 'distilbert'; use the model 'hf-encoder' for it"):
        StartedModel(HfDistilbert(checkpoint=str(made("bert")), max_length=12)).check()
