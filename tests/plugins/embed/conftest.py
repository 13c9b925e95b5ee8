"""Tiny encoders, as sentence-transformers and model2vec save them, and a head on them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.reporting import Remembering
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from clsfw.contract.component import validate
from clsfw.contract.parts import Labels
from clsfw_embed import EmbedSettings
from clsfw_embed.model import EmbedModel
from clsfw_hf_encoders import BertSizes, DistilbertSizes, HfDistilbert, HfEncoder
from clsfw_hf_encoders.model import HfModel

TEXTS = [
    "a fine film with a lovely cast and a great score",
    "a dull plot, poor and slow: no heart at all",
    "fine",
    "",
    " ".join(["a great cast and no plot"] * 9),
]
LABELS = Labels(("NEGATIVE", "POSITIVE"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Use an empty cache."""
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture
def texts():
    return TEXTS


@pytest.fixture
def checkpoint(tmp_path):
    """Give a function that makes a tiny encoder, with the files of sentence-transformers that it is given."""

    def make(family="bert", **files):
        folder = tmp_path / family
        folder.mkdir()
        if family == "bert":
            sizes = BertSizes(
                vocab_size=200, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
            )
            settings = HfEncoder(scratch=sizes, max_length=32)
        else:
            sizes = DistilbertSizes(vocab_size=200, dim=16, n_layers=2, n_heads=2, hidden_dim=32)
            settings = HfDistilbert(scratch=sizes, max_length=32)
        HfModel(settings).create(LABELS, TEXTS, 0, Remembering()).save(folder)
        for name, content in files.items():
            write(folder, name, content)
        return folder

    return make


def write(folder, name, content):
    path = folder / {"pooling": "1_Pooling/config.json", "prompts": "config_sentence_transformers.json"}.get(
        name, f"{name}.json"
    )
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def static(tmp_path):
    """Give the folder of a tiny model of model2vec."""
    folder = tmp_path / "static"
    folder.mkdir()
    words = sorted({word for text in TEXTS for word in text.split()})
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(["[UNK]", *words])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    vectors = np.random.default_rng(0).normal(size=(len(words) + 1, 8)).astype(np.float32)
    save_file({"embeddings": vectors}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec", "normalize": True, "max_length": 20}))
    return folder


@pytest.fixture
def model():
    """Give a function that builds the model on a folder."""

    def build(folder, **settings):
        return EmbedModel(validate(EmbedSettings, {"checkpoint": str(folder), **settings}))

    return build


@pytest.fixture
def created(model):
    """Give a function that starts a classifier on a folder."""

    def create(folder, **settings):
        return model(folder, **settings).create(LABELS, TEXTS, 0, Remembering())

    return create
