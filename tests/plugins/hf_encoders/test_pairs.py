"""Pairs of texts get the ids, the token types and the cut that transformers itself gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import processors
from transformers import AutoTokenizer

from clsfw import ModelError
from clsfw_runtime.tokenization import Tokenization

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def modernbert(distilbert: Path, folder: Path) -> Path:
    """Build a ModernBERT with the words of another checkpoint; its tokenizer knows no token types."""
    words = AutoTokenizer.from_pretrained(distilbert)
    backend = words.backend_tokenizer
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, words.convert_tokens_to_ids(token)) for token in ("[CLS]", "[SEP]")],
    )
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, model_input_names=["input_ids", "attention_mask"], **special
    ).save_pretrained(folder)
    config = transformers.ModernBertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=48, pad_token_id=words.pad_token_id, cls_token_id=words.cls_token_id,
        sep_token_id=words.sep_token_id, bos_token_id=words.cls_token_id, eos_token_id=words.sep_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    transformers.ModernBertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["bert", "roberta", "distilbert", "modernbert"])
def family(request: pytest.FixtureRequest, checkpoint: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "modernbert":
        return modernbert(checkpoint("distilbert"), tmp_path_factory.mktemp("modernbert"))
    return checkpoint(request.param)


@pytest.fixture(scope="module")
def tokenizer(family: Path) -> Any:
    return AutoTokenizer.from_pretrained(family)


def made(tokenizer: Any, pairs: list[tuple[str, str]], length: int) -> Any:
    types = "token_type_ids" in tokenizer.model_input_names
    return Tokenization(tokenizer.backend_tokenizer, length, types=types).tokenize_pairs(pairs)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1), length=st.integers(6, 40))
def test_ids_types_and_truncation_are_those_of_transformers(
    tokenizer: Any, pairs: list[tuple[str, str]], length: int
) -> None:
    texts, others = map(list, zip(*pairs, strict=True))
    found = made(tokenizer, pairs, length)
    wanted = tokenizer(texts, others, truncation=True, max_length=length)

    assert found.ids == wanted["input_ids"]
    assert found.types == wanted.get("token_type_ids")
    whole = [len(ids) for ids in tokenizer(texts, others)["input_ids"]]
    assert found.tokens.tolist() == whole
    assert found.truncated.tolist() == [tokens > length for tokens in whole]
    assert found.lost.sum(axis=1).tolist() == [max(0, tokens - length) for tokens in whole]


def test_the_longer_text_loses_first(tokenizer: Any) -> None:
    found = made(tokenizer, [("a " * 20, "a plot"), ("a", "slow " * 20)], 14)

    assert found.lost[0, 0] > 0
    assert found.lost[0, 1] == 0
    assert found.lost[1, 0] == 0
    assert found.lost[1, 1] > 0


def test_a_length_without_room_for_a_pair_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ModelError, match="max_length = 4 leaves no room for a pair of texts"):
        made(tokenizer, [("a", "b")], 4)


def test_a_classifier_takes_pairs_and_single_texts(family: Path, create: Callable[..., Any]) -> None:
    classifier = create(family, encoder=True)
    found = classifier.tokenize([("a fine film", "a dull plot")])
    wanted = AutoTokenizer.from_pretrained(family)("a fine film", "a dull plot", truncation=True, max_length=32)

    assert found.ids == [wanted["input_ids"]]
    assert classifier.tokenize(["a fine film"]).types is None


def test_after_saving_the_types_are_still_there(checkpoint: Any, create: Callable[..., Any], tmp_path: Path) -> None:
    classifier = create(checkpoint("bert"), encoder=True)
    pairs = [("a fine film", "a dull plot")]
    classifier.save(tmp_path)

    assert create(tmp_path, encoder=True).tokenize(pairs).types == classifier.tokenize(pairs).types


def test_two_long_texts_keep_their_beginnings(tokenizer: Any) -> None:
    """The tokenizers library makes every combination of what it cuts off: of such a pair, minutes and gigabytes."""
    long = " ".join(["fine"] * 20_000)

    (ids,) = made(tokenizer, [(long, long)], 32).ids

    assert ids == tokenizer("fine " * 32, "fine " * 32, truncation=True, max_length=32)["input_ids"]
