"""Small synthetic data, built on the spot: enough to train on, and the texts that find the weak spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.parts import Labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset

TWO = Labels(("NEGATIVE", "POSITIVE"))
THREE = Labels(("café au lait", "日本", "<b>a/b</b>"))
SEVERAL = Labels(("politics", "sport", "weather"), multi_label=True)

ODD_TEXTS: Mapping[str, str] = {
    "an empty text": "",
    "a blank text": " \t\n",
    "accents, Japanese and an emoji": "naïve café 日本語 🙂",
    "a reading direction and a NUL": "a\u202eb\0c",
    "markup and special tokens": "<br />[CLS] [SEP] </s> <pad> [UNK]",
    "10,000 words": "all this and more " * 2_500,
}

_SIZES: Mapping[str, int] = {"train": 48, "validation": 16, "test": 16}
_WORDS = 40


def toy_splits(
    labels: Labels = TWO,
    *,
    sizes: Mapping[str, int] = _SIZES,
    missing_from_validation: int | None = None,
    seed: int = 0,
) -> dict[str, Dataset]:
    """Make splits with columns `text`, `label` and `row`, in which each class has a word of its own.

    `missing_from_validation` is a class id that the validation split does not show.
    """
    from datasets import ClassLabel, Dataset, Features, List, Value

    one: Any = ClassLabel(names=list(labels.names))
    features = Features(
        {
            "text": Value("string"),
            "label": List(one) if labels.multi_label else one,
            "row": Value("int64"),
        }
    )
    generator = np.random.default_rng(seed)
    splits: dict[str, Dataset] = {}
    first = 0
    for name, size in sizes.items():
        classes = [c for c in range(len(labels.names)) if name != "validation" or c != missing_from_validation]
        rows = [_row(generator, labels, classes, number) for number in range(size)]
        columns = {
            "text": [text for text, _ in rows],
            "label": [ids if labels.multi_label else ids[0] for _, ids in rows],
            "row": list(range(first, first + size)),
        }
        splits[name] = Dataset.from_dict(columns, features=features)
        first += size
    return splits


def toy_pairs(labels: Labels = TWO) -> dict[str, Dataset]:
    """Make `toy_splits` whose rows are pairs: each text is cut in two."""
    from datasets import Dataset, Features, Value

    made = {}
    for name, split in toy_splits(labels).items():
        words = [text.split() for text in split["text"]]
        columns = {column: split[column][:] for column in split.column_names}
        columns["text"] = [" ".join(own[: len(own) // 2]) for own in words]
        columns["text_pair"] = [" ".join(own[len(own) // 2 :]) for own in words]
        made[name] = Dataset.from_dict(columns, features=Features({**split.features, "text_pair": Value("string")}))
    return made


def _row(generator: np.random.Generator, labels: Labels, classes: list[int], number: int) -> tuple[str, list[int]]:
    ids = [classes[number % len(classes)]]
    if labels.multi_label:  # none, one or several
        ids = [c for c in classes if generator.random() < 0.5]  # noqa: PLR2004  # a fair coin
    words = [f"word{n}" for n in generator.integers(0, _WORDS, int(generator.integers(3, 12)))]
    for c in ids:
        words.insert(int(generator.integers(0, len(words) + 1)), f"sign{c}")
    return " ".join(words), ids
