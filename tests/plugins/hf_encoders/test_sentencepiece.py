"""Checkpoints with SentencePiece tokenizers, as people have them: tokenizer.json, or the SentencePiece model alone."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import transformers
from support.encoders import tiny
from support.reporting import Remembering

import clsfw
from clsfw.contract.parts import Labels
from clsfw.errors import HostError, ModelError
from clsfw.report.display import Quiet
from clsfw_embed import EmbedSettings
from clsfw_embed.model import EmbedModel
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.trainer import GpuTrainer
from clsfw_hf_decoders import HfDecoder
from clsfw_hf_encoders import HfEncoder
from clsfw_hf_encoders.model import HfModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

sentencepiece = pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

LABELS = Labels(("bad", "good"))
TEXTS = ["a fine film with a lovely cast", "a dull plot, poor and slow: no heart", "Ünïcode 日本!", "", "  fine\nfilm "]
BERT_TOKENS = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3, "user_defined_symbols": ["[MASK]"]} | {
    f"{name}_piece": piece for name, piece in (("pad", "[PAD]"), ("unk", "[UNK]"), ("bos", "[CLS]"), ("eos", "[SEP]"))
}
KINDS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "deberta-v2": ("spm.model", "DebertaV2Tokenizer", "unigram", {"vocab_size": 60, **BERT_TOKENS}),
    "xlm-roberta": ("sentencepiece.bpe.model", "XLMRobertaTokenizer", "unigram", {"vocab_size": 60}),
    "llama": ("tokenizer.model", "LlamaTokenizer", "bpe", {"vocab_size": 340, "byte_fallback": True}),
}
"""By architecture: the file that its checkpoints have, the class that they name, and how the file is trained."""


def make(folder: Path, kind: str) -> Path:
    """Write a small checkpoint with random weights, its tokenizer as a SentencePiece model alone."""
    name, tokenizer_class, algorithm, options = KINDS[kind]
    folder.mkdir()
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 9), model_writer=written, model_type=algorithm, hard_vocab_limit=False,
        num_threads=1, minloglevel=2, **options,
    )  # fmt: skip
    (folder / name).write_bytes(written.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": tokenizer_class}))
    tokens = transformers.AutoTokenizer.from_pretrained(folder, config=transformers.AutoConfig.for_model(kind))
    own: dict[str, Any] = {"pad_token_id": tokens.pad_token_id, "num_labels": 2}
    if kind == "deberta-v2":
        own |= {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}
    tiny(kind, vocab_size=len(tokens), num_key_value_heads=2, **own).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give a way to get the folder of a kind's checkpoint, which nobody may change."""
    parent = tmp_path_factory.mktemp("pieces")

    def made(kind: str) -> Path:
        return parent / kind if (parent / kind).exists() else make(parent / kind, kind)

    return made


@pytest.fixture
def folder(pieces: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """Give a way to get a copy of a kind's checkpoint, with tokenizer.json in place of its own file if so asked."""

    def copied(kind: str, form: str = "pieces") -> Path:
        copy = tmp_path / f"{kind}-{form}"
        shutil.copytree(pieces(kind), copy)
        if form == "json":
            transformers.AutoTokenizer.from_pretrained(copy).save_pretrained(copy)
            (copy / KINDS[kind][0]).unlink()
        return copy

    return copied


def model(kind: str, folder: Path) -> HfModel:
    settings = HfDecoder if kind == "llama" else HfEncoder
    return HfModel(settings(checkpoint=str(folder), max_length=24, **({"lora": False} if kind == "llama" else {})))


def probabilities(classifier: Any, texts: list[str]) -> NDArray[np.float32]:
    trainer = GpuTrainer(GpuTrainerSettings(device="cpu", precision="fp32"))
    return trainer.predict(classifier, texts, Quiet()).probabilities


def train(classifier: Any) -> None:
    """Take two steps on one text."""
    ids = torch.tensor(classifier.tokenize(TEXTS[:1]).ids)
    optimizer = torch.optim.AdamW(classifier.module.parameters(), lr=0.01)
    for _ in range(2):
        logits = classifier.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        torch.nn.functional.cross_entropy(logits, torch.tensor([1])).backward()
        optimizer.step()


@pytest.mark.parametrize("form", ["json", "pieces"])
@pytest.mark.parametrize("kind", KINDS)
def test_trained_saved_and_loaded_it_predicts_the_same(folder: Any, tmp_path: Path, kind: str, form: str) -> None:
    made = model(kind, folder(kind, form))
    classifier = made.create(LABELS, [], 0, Remembering())
    before = probabilities(classifier, TEXTS)
    train(classifier)
    (tmp_path / "saved").mkdir()

    classifier.save(tmp_path / "saved")

    again = made.load(tmp_path / "saved")
    assert not np.allclose(probabilities(classifier, TEXTS), before, atol=1e-3)
    assert np.array_equal(probabilities(again, TEXTS), probabilities(classifier, TEXTS))
    assert classifier.tokenizer_key() == again.tokenizer_key()


@pytest.mark.parametrize("form", ["json", "pieces"])
@pytest.mark.parametrize("kind", KINDS)
def test_texts_get_the_ids_that_transformers_gives_them(folder: Any, kind: str, form: str) -> None:
    path = folder(kind, form)
    expected = transformers.AutoTokenizer.from_pretrained(path)(TEXTS, truncation=True, max_length=24)["input_ids"]

    classifier = model(kind, path).create(LABELS, [], 0, Remembering())

    assert expected == [list(ids) for ids in classifier.tokenize(TEXTS).ids]


@pytest.mark.parametrize("kind", KINDS)
def test_words_come_in_the_pieces_that_sentencepiece_makes(pieces: Any, kind: str) -> None:
    path = pieces(kind)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path / KINDS[kind][0]))

    classifier = model(kind, path).create(LABELS, [], 0, Remembering())

    names = classifier._tokenizer.convert_ids_to_tokens(classifier.tokenize(TEXTS[:1]).ids[0])
    assert processor.encode(TEXTS[0], out_type=str) == [
        name for name in names if name not in classifier._tokenizer.all_special_tokens
    ]


@pytest.mark.parametrize("missing", ["sentencepiece", "google.protobuf"])
def test_a_package_that_is_missing_is_named_with_its_command(
    pieces: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    path = pieces("deberta-v2")
    monkeypatch.delitem(sys.modules, "sentencepiece.sentencepiece_model_pb2", raising=False)
    monkeypatch.delattr(sentencepiece, "sentencepiece_model_pb2", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(HostError) as error:
        model("deberta-v2", path).check()

    assert str(error.value) == (
        f"{path}: the tokenizer is spm.model alone, which needs the packages sentencepiece and "
        f'protobuf (import of {missing} halted; None in sys.modules): pip install "clsfw[sentencepiece]"'
    )


def test_tokenizer_json_needs_no_package(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder("deberta-v2", "json")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)

    assert model("deberta-v2", path).check()["architecture"] == "deberta-v2"


def test_a_damaged_model_is_not_taken_for_another_kind(folder: Any) -> None:
    path = folder("xlm-roberta")
    (path / "sentencepiece.bpe.model").write_bytes(b"IQ== 0\nIg== 1\n")  # as tiktoken writes its files

    with pytest.raises(ModelError, match=r"sentencepiece\.bpe\.model is damaged, or not a SentencePiece model; Auto"):
        model("xlm-roberta", path).check()


def test_a_model_under_the_name_of_another_family_is_refused(folder: Any) -> None:
    """transformers would make a tokenizer that knows seven special tokens, and every text the same."""
    path = folder("deberta-v2")
    (path / "spm.model").rename(path / "spiece.model")

    with pytest.raises(ModelError, match=r"lacks spm\.model, which DebertaV2Tokenizer reads; spiece\.model is that of"):
        model("deberta-v2", path).check()


def test_a_model_whose_tokenizer_class_is_not_named_is_refused(folder: Any) -> None:
    """transformers would leave out the mark in front of a text's first word."""
    path = folder("llama")
    (path / "tokenizer_config.json").unlink()

    with pytest.raises(
        ModelError, match=r"tokenizer_config\.json does not name the tokenizer's class, which tokenizer\.model"
    ):
        model("llama", path).check()


def test_embeddings_come_from_one_too_and_are_saved_with_it(pieces: Any, tmp_path: Path) -> None:
    made = EmbedModel(EmbedSettings(checkpoint=str(pieces("xlm-roberta"))))
    classifier = made.create(LABELS, [], 0, Remembering())
    classifier.save(tmp_path)

    again = made.load(tmp_path)

    assert np.array_equal(again.features(TEXTS), classifier.features(TEXTS))


RECIPE = """
schema = 1
name = "pieces"
seed = 3
[data]
use = "csv"
source = "rows.csv"
[split]
method = "stratified"
test = 0.2
[model]
use = "hf-encoder"
checkpoint = "{}"
max_length = 24
[trainer]
use = "gpu-trainer"
max_steps = 2
device = "cpu"
precision = "fp32"
[[metrics]]
use = "macro-metrics"
"""


def test_a_whole_run_predicts_after_its_end_what_it_was_judged_by(pieces: Any, tmp_path: Path) -> None:
    rows = [f"film {i} is {word},{label}" for i in range(20) for word, label in (("fine", "good"), ("dull", "bad"))]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(pieces("deberta-v2")))

    run = clsfw.run(tmp_path / "recipe.toml", out=tmp_path / "run")

    with (run.directory / "predictions.csv").open(encoding="utf-8") as file:
        judged = {rows[int(line["row"])].partition(",")[0]: float(line["p_good"]) for line in csv.DictReader(file)}
    again = clsfw.load(run.directory).predict(list(judged)).probabilities[:, 1]
    assert again == pytest.approx(list(judged.values()), rel=1e-5)
