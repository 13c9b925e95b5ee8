"""A WordPiece vocabulary learned from texts: the same texts give the same bits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from clsfw import ModelError
from clsfw_runtime.tokenization import sound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedTokenizerFast

PADDING, _UNKNOWN, _FIRST, SEPARATOR, _MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CHUNK = 1024


def learn_wordpiece(texts: Sequence[str], vocab_size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Learn a vocabulary, as `learn_vocabulary`, and return the tokenizer of transformers that has it."""
    return bert_tokenizer(learn_vocabulary(texts, vocab_size), max_length)


def bert_tokenizer(vocabulary: Mapping[str, int], max_length: int) -> PreTrainedTokenizerFast:
    """Return transformers' own tokenizer of a lower-cased WordPiece vocabulary."""
    from transformers import BertTokenizer  # takes a second, and `backend` gives the same ids

    return BertTokenizer(vocab=dict(vocabulary), do_lower_case=True, model_max_length=max_length)


def backend(vocabulary: Mapping[str, int], *, lowercase: bool = True) -> Tokenizer:
    """Return what is within `bert_tokenizer`, without transformers."""
    made = Tokenizer(models.WordPiece(dict(vocabulary), unk_token=_UNKNOWN))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(prefix="##")
    made.add_special_tokens([_UNKNOWN, SEPARATOR, PADDING, _FIRST, _MASK])
    made.post_processor = processors.TemplateProcessing(
        single=f"{_FIRST}:0 $A:0 {SEPARATOR}:0",
        pair=f"{_FIRST}:0 $A:0 {SEPARATOR}:0 $B:1 {SEPARATOR}:1",
        special_tokens=[(name, vocabulary[name]) for name in (_FIRST, SEPARATOR)],
    )
    return made


def learn_vocabulary(texts: Sequence[str], vocab_size: int) -> dict[str, int]:
    """Learn at most `vocab_size` lower-cased WordPiece tokens, special ones included, as BERT's own were.

    Raises:
        ModelError: the texts hold nothing to learn from.

    """
    learner = Tokenizer(models.WordPiece(unk_token=_UNKNOWN))
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
        special_tokens=[*SPECIAL, *inside],
        initial_alphabet=common,
        limit_alphabet=vocab_size,
        show_progress=False,
    )
    table = dict.fromkeys(map(ord, rare), " ")
    learner.train_from_iterator(_normalized(texts, learner.normalizer, table), trainer)
    return dict(sorted(learner.get_vocab().items(), key=lambda item: item[1]))


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
