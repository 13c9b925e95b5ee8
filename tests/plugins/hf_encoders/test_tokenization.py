"""The ids of transformers itself, at any length, for any text."""

from __future__ import annotations

import bz2
import csv
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from clsfw_runtime.tokenization import Tokenization, sound

if TYPE_CHECKING:
    from pathlib import Path


def expected(tokenizer: Any, texts: list[str], length: int) -> list[list[int]]:
    return tokenizer(texts, truncation=True, max_length=length)["input_ids"]


@pytest.fixture(scope="module", params=["distilbert", "bert", "roberta"])
def tokenizer(request: pytest.FixtureRequest, checkpoint: Any) -> Any:
    return AutoTokenizer.from_pretrained(checkpoint(request.param))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1),
    length=st.integers(3, 40),
)
def test_same_ids_as_transformers(tokenizer: Any, texts: list[str], length: int) -> None:
    made = Tokenization(tokenizer.backend_tokenizer, length).tokenize(texts)

    assert made.ids == expected(tokenizer, texts, length)
    whole = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    assert made.tokens.tolist() == whole
    assert made.truncated.tolist() == [tokens > length for tokens in whole]


def test_special_tokens_in_a_text(tokenizer: Any) -> None:
    texts = [f"a {tokenizer.sep_token} b {tokenizer.pad_token}"]

    assert Tokenization(tokenizer.backend_tokenizer, 32).tokenize(texts).ids == expected(tokenizer, texts, 32)


def test_cut_on_the_left_where_the_checkpoint_says_so(checkpoint: Any) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(), truncation_side="left")
    texts = ["a fine film with a lovely cast"]

    assert Tokenization(tokenizer.backend_tokenizer, 5, "left").tokenize(texts).ids == expected(tokenizer, texts, 5)


def test_truncation_and_padding_of_the_file_are_ignored(checkpoint: Any) -> None:
    backend = AutoTokenizer.from_pretrained(checkpoint()).backend_tokenizer
    plain = Tokenization(backend, 32)
    backend.enable_truncation(4)
    backend.enable_padding(length=9)
    set_up = Tokenization(backend, 32)

    assert set_up.tokenize(["a fine film with a"]).ids == plain.tokenize(["a fine film with a"]).ids
    assert set_up.key() == plain.key()


def test_later_calls_of_the_shared_tokenizer_change_nothing(checkpoint: Any) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint())
    made = Tokenization(tokenizer.backend_tokenizer, 32)
    before = made.tokenize(["a fine film with a"]).ids

    tokenizer(["a fine film"], truncation=True, max_length=4, padding="max_length")

    assert made.tokenize(["a fine film with a"]).ids == before


def test_key_names_vocabulary_length_and_side(checkpoint: Any) -> None:
    one, other = (
        AutoTokenizer.from_pretrained(checkpoint(name)).backend_tokenizer for name in ("distilbert", "roberta")
    )
    keys = [Tokenization(one, 32), Tokenization(other, 32), Tokenization(one, 31), Tokenization(one, 32, "left")]

    assert len({made.key() for made in keys}) == 4
    assert Tokenization(one, 32).key() == keys[0].key()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain", "plain"),
        ("half \ud83d", "half \ufffd"),
        ("\udc00 first", "\ufffd first"),
        ("whole \ud83d\ude00", "whole \U0001f600"),
    ],
)
def test_halves_of_surrogate_pairs(text: str, plain: str) -> None:
    assert sound(text) == plain


def test_many_texts_keep_their_order(checkpoint: Any) -> None:
    backend = AutoTokenizer.from_pretrained(checkpoint()).backend_tokenizer
    texts = ["a " * (number % 7) for number in range(2500)]

    assert Tokenization(backend, 32).tokenize(texts).tokens.tolist() == [2 + number % 7 for number in range(2500)]


def test_no_texts(checkpoint: Any) -> None:
    made = Tokenization(AutoTokenizer.from_pretrained(checkpoint()).backend_tokenizer, 32).tokenize([])

    assert (list(made.ids), made.tokens.shape) == ([], (0,))


def test_real_reviews_with_the_real_vocabulary(shared: Path) -> None:
    with bz2.open(shared / "data" / "movie_reviews.csv.bz2", "rt", encoding="utf-8", newline="") as file:
        texts = [row[0] for row in islice(csv.reader(file), 1, 301)]
    tokenizer = AutoTokenizer.from_pretrained(shared / "models" / "minilm-l6-h384-uncased")

    assert Tokenization(tokenizer.backend_tokenizer, 512).tokenize(texts).ids == expected(tokenizer, texts, 512)
