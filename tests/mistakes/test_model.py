"""Group E: what is wrong with a model's files, told with the folder before a run directory is made."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from support.model_faults import MODEL_FAULTS, NEED_THE_WEIGHTS, Folder
from support.model_hub import ModelHub, Repository
from support.reporting import Remembering

from clsfw.contract.parts import Labels
from clsfw.kit.manifest import read as read_json
from clsfw_hf_encoders import DistilbertSizes, HfDistilbert
from clsfw_hf_encoders.model import HfModel

SIZES = DistilbertSizes(vocab_size=200, dim=16, n_layers=3, n_heads=2, hidden_dim=32)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Give the folder of a tiny checkpoint, which nobody may change."""
    path = tmp_path_factory.mktemp("checkpoint")
    texts = ("a fine film with a lovely cast and a great score", "a dull plot, poor and slow: no heart at all")
    model = HfModel(HfDistilbert(scratch=SIZES, max_length=32))
    model.create(Labels(("NEGATIVE", "POSITIVE")), texts, 0, Remembering()).save(path)
    return path


@pytest.fixture
def folder(checkpoint, tmp_path):
    """Give a copy that a test may spoil."""
    return Folder(shutil.copytree(checkpoint, tmp_path / "distilbert"))


def with_model(toy, lines):
    return toy(
        ('[model]\nuse = "toy"', f"[model]\n{lines}"),
        ('[trainer]\nuse = "toy"', '[trainer]\nuse = "gpu-trainer"\nmax_steps = 2'),
    )


def of_checkpoint(toy, source, more="max_length = 32", use="hf-distilbert"):
    return with_model(toy, f'use = "{use}"\ncheckpoint = "{source}"\n{more}')


@pytest.mark.parametrize(("name", "spoil", "words"), MODEL_FAULTS, ids=[name for name, _, _ in MODEL_FAULTS])
def test_a_spoiled_folder_is_refused(name, spoil, words, cli, toy, folder, tmp_path):
    spoil(folder)

    answer = cli("run", of_checkpoint(toy, folder.path))

    assert 5 == answer.code
    assert re.search(words, answer.err)
    assert answer.err.startswith(f"clsfw: error: {folder.path}")
    assert 1 == len(answer.err.splitlines())
    assert (name in NEED_THE_WEIGHTS) == (tmp_path / "runs").exists()


@pytest.fixture
def hub(monkeypatch):
    """Give an empty model hub on this machine."""
    import huggingface_hub.constants

    hub = ModelHub()
    hub.server.start()
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.server.base)
    yield hub
    hub.server.stop()


def test_81_offline_and_not_in_the_cache(refused, toy):
    answer = refused(5, "run", of_checkpoint(toy, "nobody/nothing"))

    assert "nobody/nothing" in answer.err
    assert "give a local folder as checkpoint" in answer.err


@pytest.mark.parametrize("name", ["-a/b", "a/b..c"])
def test_81_what_no_hub_id_can_be(name, cli, toy):
    answer = cli("run", of_checkpoint(toy, name))

    assert answer.code in {2, 5}
    assert name in answer.err


def test_82_a_folder_that_is_not_there(refused, toy, tmp_path):
    answer = refused(5, "run", of_checkpoint(toy, "./nope"))

    assert "nope: there is no such folder; give the folder of a checkpoint, or an id on the hub" in answer.err


@pytest.mark.parametrize(
    ("use", "family", "words"),
    [
        ("hf-encoder", "t5", "is a 't5' model, not an encoder that classifies text"),
        ("hf-encoder", "gpt2", "is a 'gpt2' model, a decoder; use the model 'hf-decoder' for it"),
        ("hf-decoder", "bert", "is a 'bert' model, an encoder; use the model 'hf-encoder' for it"),
        ("hf-decoder", "t5", "is a 't5' model, not a decoder that classifies text"),
    ],
)
def test_87_another_kind_of_model(use, family, words, refused, toy, folder):
    folder.configure(model_type=family)

    answer = refused(5, "run", of_checkpoint(toy, folder.path, use=use))

    assert words in answer.err


def test_88_a_head_of_another_number_of_labels_is_made_anew_and_told(cli, toy, folder):
    folder.configure(id2label={"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "b": 1, "c": 2})

    answer = cli("check", of_checkpoint(toy, folder.path))

    assert 0 == answer.code, answer.told
    assert "head" in answer.told


@pytest.mark.parametrize("length", [2, 0, -1])
def test_90_a_length_that_leaves_no_room_for_text(length, refused, toy):
    answer = refused(2, "run", of_checkpoint(toy, "distilbert/distilbert-base-uncased", f"max_length = {length}"))

    assert f"recipe.toml:18:14: [model] max_length: must be at least 3, not {length}" in answer.err


class TestRunsThatAreNotFitToPredict:
    """Number 93."""

    @pytest.fixture
    def complete(self, toy, cli, tmp_path):
        assert 0 == cli("run", toy(), "--out", tmp_path / "run").code
        return tmp_path / "run"

    def test_93_an_interrupted_run(self, interrupted, cli):
        answer = cli("predict", interrupted, "fine")

        assert 6 == answer.code
        assert "interrupted" in answer.err

    def test_93_an_interrupted_run_has_no_model_even_if_allowed(self, interrupted, cli):
        answer = cli("predict", interrupted, "fine", "--allow-incomplete")

        assert 6 == answer.code
        assert "holds no model" in answer.err

    def test_93_a_run_of_a_newer_version(self, complete, cli):
        record = read_json(complete / "run.json")
        (complete / "run.json").write_text(json.dumps({**record, "schema": 99}))

        assert 6 == cli("predict", complete, "fine").code

    def test_93_a_plugin_that_is_gone(self, complete, cli, tmp_path):
        shutil.rmtree(tmp_path / "site" / "acme_toys-1.2.dist-info")

        answer = cli("predict", complete, "fine")

        assert 4 == answer.code
        assert "'toy'" in answer.err
        assert "acme-toys" in answer.err

    def test_93_a_file_that_was_changed(self, complete, cli):
        (complete / "model" / "weights.npy").write_bytes(b"")

        answer = cli("predict", complete, "fine")

        assert 6 == answer.code
        assert "model/weights.npy" in answer.err


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        (None, "no folder of that name here; check the spelling"),
        (Repository({}, refuses=(403, "GatedRepo")), "gated"),
        (Repository({}, refuses=(500, "")), "answered with error 500"),
    ],
    ids=["unknown", "gated", "in-trouble"],
)
def test_81_what_the_hub_does_not_give(repository, words, refused, toy, hub):
    if repository is not None:
        hub.repositories["some/model"] = repository

    answer = refused(5, "run", of_checkpoint(toy, "some/model"))

    assert "some/model" in answer.err
    assert words in answer.err


def test_81_a_revision_that_is_not_there(refused, toy, hub, checkpoint):
    hub.add("some/model", checkpoint)

    answer = refused(5, "run", of_checkpoint(toy, "some/model", 'revision = "v9"\nmax_length = 32'))

    assert "some/model has no revision 'v9'" in answer.err


def embedding(toy, source, more=""):
    return toy(
        ('[model]\nuse = "toy"', f'[model]\nuse = "embed"\ncheckpoint = "{source}"\n{more}'),
        ('[trainer]\nuse = "toy"', '[trainer]\nuse = "sklearn-fit"'),
    )


@pytest.mark.parametrize(
    ("code", "more", "words"),
    [
        (2, 'pooling = "max"', r"\[model\] pooling: .*'mean', 'cls' or 'last'"),
        (5, 'prompt_name = "query"', "has no prompt 'query'; it has none"),
        (2, 'prompt = "a"\nprompt_name = "b"', "prompt and prompt_name exclude each other"),
        (5, "max_length = 64", "takes 32 tokens at most"),
    ],
)
def test_an_embedding_that_cannot_be_computed_is_refused(code, more, words, refused, toy, folder):
    answer = refused(code, "run", embedding(toy, folder.path, more))

    assert re.search(words, answer.told)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: folder.configure(model_type="gpt2"), "is a 'gpt2' model, a decoder"),
        (lambda folder: (folder.path / "config.json").unlink(), r"lacks config\.json"),
    ],
)
def test_an_embedding_by_another_kind_of_folder_is_refused(spoil, words, refused, toy, folder):
    spoil(folder)

    answer = refused(5, "run", embedding(toy, folder.path))

    assert answer.err.startswith(f"clsfw: error: {folder.path}")
    assert re.search(words, answer.told)


def test_a_static_model_without_its_library_names_the_extra(refused, toy, folder, monkeypatch):
    folder.configure(model_type="model2vec")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    answer = refused(6, "run", embedding(toy, folder.path))

    assert 'pip install "clsfw[model2vec]"' in answer.told
