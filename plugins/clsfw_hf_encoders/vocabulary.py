"""A WordPiece vocabulary learned from texts: the same texts give the same bits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer

from clsfw import ModelError
from clsfw_runtime.tokenization import sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedTokenizerFast

SEPARATOR = "[SEP]"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", SEPARATOR, "[MASK]")
_CHUNK = 1024


def learn_wordpiece(texts: Sequence[str], vocab_size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Learn at most `vocab_size` lower-cased WordPiece tokens, special ones included, as BERT's own were.

    Raises:
        ModelError: the texts hold nothing to learn from.

    """
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106  # a token of the text kind
    learner.normalizer = normalizers.BertNormalizer(lowercase=True)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    common, rare = _alphabet(texts, learner.normalizer, vocab_size // 4)
    if not common:
        raise ModelError("the training texts hold no words to learn a vocabulary from")
    # The library would number the letters inside words in the order of a hash map, which no two runs share, and settle
    # equal counts by these numbers. Named beforehand, they are in order.
    inside = [f"##{char}" for char in common if _joins_words(learner, char)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        special_tokens=[*_SPECIAL, *inside],
        initial_alphabet=common,
        limit_alphabet=vocab_size,
        show_progress=False,
    )
    table = dict.fromkeys(map(ord, rare), " ")
    learner.train_from_iterator(_normalized(texts, learner.normalizer, table), trainer)
    ordered = dict(sorted(learner.get_vocab().items(), key=lambda item: item[1]))
    return BertTokenizer(vocab=ordered, do_lower_case=True, model_max_length=max_length)


def _alphabet(texts: Sequence[str], normalizer: normalizers.Normalizer, most: int) -> tuple[list[str], list[str]]:
    """Return the `most` commonest characters, sorted, and the others.

    The library drops rare characters too, but settles ties by the order of its hash map.
    """
    counts: Counter[str] = Counter()
    for chunk in _normalized(texts, normalizer, {}):
        counts.update("".join(chunk))
    ranked = sorted((char for char in counts if not char.isspace()), key=lambda char: (-counts[char], char))
    return sorted(ranked[:most]), ranked[most:]


def _joins_words(learner: Tokenizer, char: str) -> bool:
    """Return whether a character can be inside a word, unlike punctuation and Chinese characters."""
    return len(learner.pre_tokenizer.pre_tokenize_str(learner.normalizer.normalize_str(f"a{char}a"))) == 1


def _normalized(
    texts: Sequence[str], normalizer: normalizers.Normalizer, table: Mapping[int, str]
) -> Iterator[list[str]]:
    """Return the normalized texts in chunks, with characters replaced by `table`."""
    for start in range(0, len(texts), _CHUNK):
        chunk = [side for text in texts[start : start + _CHUNK] for side in _sides(text)]
        yield [normalizer.normalize_str(sound(side)).translate(table) for side in chunk]


def _sides(text: str | tuple[str, str]) -> tuple[str, ...]:
    """Return the text alone, or both texts of a pair."""
    return (text,) if isinstance(text, str) else text
