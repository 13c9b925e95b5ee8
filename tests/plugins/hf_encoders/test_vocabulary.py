"""A learned vocabulary depends on its texts alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from clsfw.errors import ModelError
from clsfw_hf_encoders.vocabulary import learn_wordpiece

_PROGRAM = """
import hashlib
from clsfw_hf_encoders.vocabulary import learn_wordpiece
words = [f"{a}{b}{c}" for a in "qwertyuiop" for b in "asdfghjkl" for c in "zxcvbnm"]
texts = [" ".join(words[n::7]) for n in range(1100)]
print(hashlib.sha256(learn_wordpiece(texts, 300, 64).backend_tokenizer.to_str().encode()).hexdigest())
"""


def test_the_same_in_every_process() -> None:
    """Words of equal count are where a hash map's order would show."""
    found = set()
    for parallel in ("false", "true"):
        environment = {**os.environ, "TOKENIZERS_PARALLELISM": parallel}
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout.strip())

    assert len(found) == 1
    assert len(found.pop()) == len(hashlib.sha256().hexdigest())


def test_words_are_lower_cased_and_cut_into_pieces() -> None:
    tokenizer = learn_wordpiece(["Low lower lowest", "new newer newest"] * 5, 100, 64)

    assert tokenizer.tokenize("LOWEST, newerer") == ["lowest", "[UNK]", "newer", "##e", "##r"]
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3, 4]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_no_more_tokens_than_asked_for_however_many_characters() -> None:
    texts = ["".join(map(chr, range(0x400, 0x500))), "".join(map(chr, range(0x4E00, 0x4F00)))]

    assert len(learn_wordpiece(texts, 120, 64)) <= 120


def test_half_a_surrogate_pair_is_no_obstacle() -> None:
    assert "film" in learn_wordpiece(["film \ud800 film"], 100, 64).get_vocab()


@pytest.mark.parametrize("texts", [[], ["", " \n "]])
def test_nothing_to_learn_from(texts: list[str]) -> None:
    with pytest.raises(ModelError, match="no words to learn a vocabulary from"):
        learn_wordpiece(texts, 100, 64)
