"""A model from scratch is known before its weights are drawn, and is then what `HfModel` makes."""

from __future__ import annotations

import pytest
import torch

from clsfw.contract.parts import Labels, TorchClassifier
from clsfw_hf_encoders import BertSizes, DistilbertSizes, HfDistilbert, HfEncoder, register_models
from clsfw_hf_encoders.model import HfModel
from clsfw_hf_encoders.scratch import ScratchModel
from clsfw_hf_encoders.vocabulary import backend, bert_tokenizer, learn_vocabulary

LABELS = Labels(("a", "b", "c"))
TEXTS = ["a fine film with a lovely cast", "a dull plot", "Ein schöner Film, 日本"]
SETTINGS = {
    "distilbert": HfDistilbert(
        scratch=DistilbertSizes(vocab_size=120, dim=12, n_layers=3, n_heads=2, hidden_dim=20), max_length=16
    ),
    "bert": HfEncoder(
        scratch=BertSizes(
            vocab_size=120, hidden_size=12, num_hidden_layers=3, num_attention_heads=2, intermediate_size=20
        ),
        max_length=16,
    ),
}


@pytest.fixture(params=SETTINGS)
def settings(request):
    """Give the settings of each kind."""
    return SETTINGS[request.param]


def test_the_parameters_are_counted_without_the_model(settings, reporter):
    early = ScratchModel(settings).create(LABELS, TEXTS, 1, reporter)
    counted = early.parameters()

    assert counted == HfModel(settings).create(LABELS, TEXTS, 1, reporter).parameters()
    assert ScratchModel(settings).check() == HfModel(settings).check()


def test_the_weights_are_those_of_the_seed(settings, reporter):
    early = ScratchModel(settings).create(LABELS, TEXTS, 7, reporter).module.state_dict()
    whole = HfModel(settings).create(LABELS, TEXTS, 7, reporter).module.state_dict()

    assert early.keys() == whole.keys()
    assert all(torch.equal(early[name], value) for name, value in whole.items())


def test_the_tokens_are_those_of_transformers(settings, reporter):
    early = ScratchModel(settings).create(LABELS, TEXTS, 1, reporter)
    whole = HfModel(settings).create(LABELS, TEXTS, 1, reporter)

    assert early.tokenizer_key() == whole.tokenizer_key()
    assert early.pad_token_id == whole.pad_token_id
    assert early.tokenize(TEXTS).ids == whole.tokenize(TEXTS).ids
    pair = [("a film", "a dull plot")]
    assert (early.tokenize(pair).ids, early.tokenize(pair).types) == (
        whole.tokenize(pair).ids,
        whole.tokenize(pair).types,
    )


def test_the_tokenizer_is_that_of_transformers_to_the_letter():
    vocabulary = learn_vocabulary(TEXTS, 120)

    assert bert_tokenizer(vocabulary, 16).backend_tokenizer.to_str() == backend(vocabulary).to_str()


def test_to_look_whether_a_trainer_takes_it_draws_nothing(settings, reporter, monkeypatch):
    early = ScratchModel(settings).create(LABELS, TEXTS, 1, reporter)
    monkeypatch.setattr(early, "_make", lambda: pytest.fail("the weights were drawn"))

    assert isinstance(early, TorchClassifier)


def test_what_training_changes_is_counted_and_saved(settings, reporter, tmp_path):
    model = ScratchModel(settings)
    early = model.create(LABELS, TEXTS, 1, reporter)
    early.module.classifier.bias.requires_grad_(requires_grad=False)
    early.module.classifier.bias.data.fill_(3.0)
    early.save(tmp_path)

    total, trainable = early.parameters()
    assert total - trainable == len(LABELS.names)
    assert [3.0, 3.0, 3.0] == model.load(tmp_path).module.classifier.bias.tolist()
    assert {"checkpoint": "none; started from scratch", "architecture": type(early.module).__name__} == (
        model.provenance()
    )


def test_what_needs_the_module_at_once_gets_it():
    build = register_models()[0].build
    sizes = {"scratch": DistilbertSizes(), "max_length": 16}

    assert isinstance(build(HfDistilbert(**sizes)), ScratchModel)
    for more in ({"freeze": "embeddings"}, {"lora": {"r": 2}}, {"windows": {"stride": 4}}):
        assert isinstance(build(HfDistilbert.model_validate({**sizes, **more})), HfModel)
