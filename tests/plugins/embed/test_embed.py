"""Embeddings are those of the libraries that the encoders come from, worked out once, and saved without pickle."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from support.reporting import Remembering
from transformers import AutoModel, AutoTokenizer

from clsfw import HostError, LinearClassifier, ModelError
from clsfw_embed import vectors
from clsfw_embed.transformer import TransformerEncoder

MODULES = [
    {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def by_transformers(folder, texts, pooling="mean", max_length=32):
    """Embed one text after another, by the library alone."""
    tokenizer, module = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype="float32")
    rows = []
    for text in texts:
        inputs = tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt")
        with torch.no_grad():
            states = module.eval()(**inputs).last_hidden_state[0]
        rows.append({"mean": states.mean(dim=0), "cls": states[0], "last": states[-1]}[pooling].numpy())
    return np.array(rows)


@pytest.mark.parametrize("family", ["bert", "distilbert"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_features_are_those_of_transformers(family, pooling, checkpoint, created, texts):
    folder = checkpoint(family)

    found = created(folder, pooling=pooling).features(texts)

    assert found == pytest.approx(by_transformers(folder, texts, pooling), abs=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_padded_features_are_the_same(pooling, checkpoint, created, texts, monkeypatch):
    monkeypatch.setattr("clsfw_embed.transformer.packable", lambda _: False)
    folder = checkpoint()

    found = created(folder, pooling=pooling).features(texts)

    assert found == pytest.approx(by_transformers(folder, texts, pooling), abs=1e-5)


def test_packed_input_that_is_wrong_is_not_used(checkpoint, model, texts, monkeypatch):
    def wrong(*arguments):
        inputs = pack(*arguments)
        return inputs | {"position_ids": inputs["position_ids"] * 0}

    from clsfw_embed.transformer import pack

    monkeypatch.setattr("clsfw_embed.transformer.pack", wrong)
    folder, reporter = checkpoint(), Remembering()
    classifier = model(folder).create(created_labels(), texts, 0, reporter)

    assert classifier.features(texts) == pytest.approx(by_transformers(folder, texts), abs=1e-5)
    assert any("packed input gave other results" in told for told in reporter.warnings)


def created_labels():
    from clsfw import Labels

    return Labels(("a", "b"))


def test_real_features_are_those_of_sentence_transformers(shared, created, texts, tmp_path):
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    first = Transformer(
        str(shared / "models" / "minilm-l6-h384-uncased"), max_seq_length=64, model_kwargs={"dtype": "float32"}
    )
    theirs = library.SentenceTransformer(modules=[first, Pooling(384, "mean"), Normalize()], device="cpu")
    theirs.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    expected = theirs.encode(texts)

    found = created(tmp_path / "saved").features(texts)

    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("packs", [True, False])
def test_features_in_bf16_are_near_those_in_float32_and_not_the_same(packs, checkpoint, created, texts, monkeypatch):
    if not packs:
        monkeypatch.setattr("clsfw_embed.transformer.packable", lambda _: False)
    folder = checkpoint()
    exact, half = created(folder), created(folder, precision="bf16")

    found, expected = half.features(texts), exact.features(texts)

    assert found == pytest.approx(expected, abs=0.02 * np.abs(expected).max())
    assert np.abs(found - expected).max() > 1e-5
    assert half._encoder.key() != exact._encoder.key()  # neither is taken for the other in the cache


def test_a_saved_model_keeps_its_precision(checkpoint, model, created, texts, tmp_path):
    folder = checkpoint()
    classifier = created(folder, precision="bf16")
    expected = classifier.features(texts)
    (tmp_path / "saved").mkdir()
    classifier.save(tmp_path / "saved")

    assert np.array_equal(model(folder).load(tmp_path / "saved").features(texts), expected)
    assert model(folder, precision="bf16").check()["precision"] == "bf16"


def test_modules_json_decides_what_the_recipe_leaves_open(checkpoint, model):
    folder = checkpoint(
        modules=MODULES,
        pooling={"word_embedding_dimension": 16, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
        prompts={"prompts": {"query": "find: "}, "default_prompt_name": "query"},
        sentence_bert_config={"max_seq_length": 12, "do_lower_case": False},
    )

    facts = model(folder).check()

    assert ("cls, length 1", "'find: '", "12 tokens") == (facts["pooling"], facts["prompt"], facts["cut at"])
    assert facts["texts"].startswith("packed")
    assert "bert" == facts["architecture"]
    assert "32 tokens" == facts["longest input"]


def test_the_recipe_overrules_modules_json(checkpoint, created, texts):
    plain = created(checkpoint(modules=MODULES, pooling={"pooling_mode": "cls"}), pooling="mean", normalize=False)

    assert plain.features(texts) == pytest.approx(by_transformers(plain._encoder.folder, texts), abs=1e-5)


def test_a_prompt_stands_before_each_text(checkpoint, created, texts):
    folder = checkpoint(prompts={"prompts": {"query": "a great cast: "}})

    found = created(folder, prompt_name="query").features(texts)

    assert found == pytest.approx(by_transformers(folder, ["a great cast: " + text for text in texts]), abs=1e-5)


def test_static_features_are_those_of_model2vec(static, created, texts):
    from model2vec import StaticModel

    expected = StaticModel.from_pretrained(static).encode(texts)

    assert created(static).features(texts) == pytest.approx(expected, abs=1e-6)


def test_a_static_model_without_its_library_names_the_extra(static, created, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(HostError, match=r"pip install \"clsfw\[model2vec\]\""):
        created(static)


def test_cut_texts_are_told(checkpoint, created, texts):
    classifier = created(checkpoint(), max_length=8)

    tokens, truncated = classifier.count_tokens(texts), classifier.truncated(texts)

    assert (tokens > 8).tolist() == truncated.tolist()
    assert {True, False} == set(truncated.tolist())


def test_a_second_look_at_the_same_texts_computes_nothing(checkpoint, created, texts, monkeypatch):
    monkeypatch.setattr(vectors, "CACHED_FROM", 1)
    folder = checkpoint()
    first = created(folder).features(texts)
    monkeypatch.setattr(TransformerEncoder, "encode", None)

    assert np.array_equal(created(folder).features(texts), first)


@pytest.mark.parametrize("settings", [{"pooling": "cls"}, {"normalize": True}, {"prompt": "so: "}, {"max_length": 9}])
def test_another_way_to_embed_has_a_cache_of_its_own(settings, checkpoint, created, texts, cache, monkeypatch):
    monkeypatch.setattr(vectors, "CACHED_FROM", 1)
    folder = checkpoint()
    created(folder).features(texts)
    created(folder, **settings).features(texts)

    assert 2 == len(list(cache.iterdir()))


@pytest.mark.parametrize("kind", ["checkpoint", "static"])
def test_saved_and_loaded_it_is_the_same(kind, checkpoint, static, model, created, texts, tmp_path):
    folder = static if kind == "static" else checkpoint()
    classifier = created(folder, prompt="so: ", normalize=True)
    classifier.weights[:] = 1.5
    (tmp_path / "saved").mkdir()
    classifier.save(tmp_path / "saved")
    loaded = model(folder).load(tmp_path / "saved")
    shutil.rmtree(tmp_path / "saved")

    assert isinstance(loaded, LinearClassifier)
    assert np.array_equal(loaded.features(texts), classifier.features(texts))
    assert np.array_equal(loaded.weights, classifier.weights)
    assert loaded.labels == classifier.labels
    assert loaded.parameters() == classifier.parameters()


def test_an_encoder_in_several_files_is_saved_and_loaded(checkpoint, model, created, texts, tmp_path):
    folder = checkpoint()
    AutoModel.from_pretrained(folder).save_pretrained(folder, max_shard_size="10KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    assert len(list(folder.glob("model-*.safetensors"))) > 2
    classifier = created(folder)
    (tmp_path / "saved").mkdir()

    classifier.save(tmp_path / "saved")

    loaded = model(folder).load(tmp_path / "saved")
    assert np.array_equal(loaded.features(texts), classifier.features(texts))


def test_weights_that_change_before_they_are_saved_are_refused(checkpoint, created, tmp_path):
    folder = checkpoint()
    classifier = created(folder)
    (folder / "model.safetensors").write_bytes(b"other")
    (tmp_path / "saved").mkdir()

    with pytest.raises(ModelError, match="the weights were changed while the run went on"):
        classifier.save(tmp_path / "saved")


@pytest.mark.parametrize(
    ("files", "settings", "words"),
    [
        ({"prompts": {"prompts": {"query": "q"}}}, {"prompt_name": "qery"}, "has no prompt 'qery'; it has 'query'"),
        ({}, {"prompt_name": "query"}, "has no prompt 'query'; it has none"),
        ({"modules": [*MODULES, {"path": "3", "type": "x.Dense"}], "pooling": {}}, {}, "names a module 'Dense'"),
        ({"modules": [{"path": "0_Transformer", "type": "x.Transformer"}]}, {}, "encoder is in the folder"),
        ({"modules": [{"path": "../a", "type": "x.Pooling"}]}, {}, "is not one of its own"),
        ({"modules": {}}, {}, "modules.json must hold a JSON list"),
        ({"modules": [1]}, {}, "must hold a list of JSON objects"),
        ({"modules": MODULES, "pooling": {"pooling_mode": "max"}}, {}, "pools by 'max'"),
        ({"modules": MODULES, "pooling": {"pooling_mode_max_tokens": True}}, {}, "pools by 'max'"),
        (
            {"modules": MODULES, "pooling": {"pooling_mode": "mean", "include_prompt": False}},
            {"prompt": "so: "},
            "leaves the prompt out of its pooling",
        ),
        ({}, {"max_length": 33}, "takes 32 tokens at most"),
    ],
)
def test_what_is_not_computed_is_refused(files, settings, words, checkpoint, model):
    with pytest.raises(ModelError, match=words):
        model(checkpoint(**files), **settings).check()


def test_another_pooling_of_a_static_model_is_refused(static, model):
    with pytest.raises(ModelError, match="static model, whose pooling is 'mean', not 'cls'"):
        model(static, pooling="cls").check()


def test_a_precision_of_a_static_model_is_refused(static, model):
    with pytest.raises(ModelError, match="static model, which looks vectors up; bf16 changes nothing"):
        model(static, precision="bf16").check()


def test_a_damaged_head_is_named(checkpoint, model, created, tmp_path):
    folder = checkpoint()
    (tmp_path / "saved").mkdir()
    created(folder).save(tmp_path / "saved")
    about = json.loads((tmp_path / "saved" / "embed.json").read_text())
    (tmp_path / "saved" / "embed.json").write_text(json.dumps(about | {"labels": ["a"]}))

    with pytest.raises(ModelError, match="does not fit"):
        model(folder).load(tmp_path / "saved")


def test_the_model_says_what_it_used(checkpoint, model, texts):
    built = model(checkpoint())
    built.create(created_labels(), texts, 0, Remembering())

    assert "mean" == built.provenance()["pooling"]
    assert 64 == len(built.provenance()["weights_sha256"])
