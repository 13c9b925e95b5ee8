"""Looks at the first rows of a data set: which column holds the texts, which the labels, and what is odd about them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw.errors import DataError, UsageError
from clsfw.evidence.leakage import fold
from clsfw.kit.labels import split_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clsfw.scaffold.samples import Sample

_MOST_LABELS = 200
_MOST_JOINED = 2000
_LABEL_WORDS = (
    "label",
    "labels",
    "sentiment",
    "class",
    "category",
    "intent",
    "target",
    "tag",
    "tags",
    "topic",
    "rating",
    "y",
)
_PAIRS = (
    ("premise", "hypothesis"),
    ("question", "answer"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "context"),
    ("query", "document"),
    ("query", "passage"),
    ("claim", "evidence"),
    ("text", "text_pair"),
)
"""What public data sets call two columns of a pair; names that end in 1 and 2, a and b, left and right are one too."""
_COUNTED = {"1": "2", "a": "b", "left": "right"}
_SEPARATORS = ("|", ";", ",")
_ID_NAME = re.compile(r"(?:\A|[_.\s-])(?:id|uuid|guid|key)\Z|(?-i:[a-z]Id)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Look:
    """What was seen: the columns, how labels are written in theirs, and what a careful reader would want to know.

    `id_columns` identify the rows, with a word or number of its own for each; they are neither texts nor labels.

    `labels` counts the rows of each label; `cut` those that [split] has to share out, which carry a text. `several`
    says that a text may carry several labels, joined by `separator` unless they are in a list. `conflicts` counts
    texts or pairs with two labels; `leaks` says for each later split how many of its rows are in train too.
    """

    text_column: str
    pair_column: str | None
    label_column: str
    id_columns: tuple[str, ...]
    several: bool
    separator: str | None
    labels: Counter[str]
    cut: Counter[str]
    rows: int
    blank_texts: int
    repeated_texts: int
    mean_length: float
    conflicts: int
    leaks: Mapping[str, int]


def look(
    sample: Sample,
    text_column: str | None = None,
    label_column: str | None = None,
    pair_column: str | None = None,
) -> Look:
    """Choose the columns of a data set, those aside that are given; whoever gives one for texts has no pairs guessed.

    Raises:
        DataError: there is no column for texts or labels.
        UsageError: a given column is not there.

    """
    rows = [row for part in sample.parts.values() for row in part]
    if not rows:
        raise DataError("there is no row under the header" if sample.kind == "csv" else "there are no rows")
    named = [name for name in (text_column, pair_column, label_column) if name is not None]
    if len(set(named)) < len(named):
        raise UsageError("texts, second texts of pairs and labels need a column each")
    for given in named:
        if given not in sample.columns:
            raise UsageError(f"there is no column {given!r}; there are: {', '.join(map(repr, sample.columns))}")
    if len(sample.columns) == 1:
        raise DataError("there is one column only; texts and labels need a column each")
    by_column = {name: [row.get(name) for row in rows] for name in sample.columns}
    ids = {name: None for name, values in by_column.items() if _is_id(name, values)}
    if text_column is None and pair_column is None:
        text_column, pair_column = _pair(_without(by_column, [label_column], ids))
    text = text_column or _longest(_without(by_column, [label_column, pair_column], ids))
    label = label_column or _label(_without(by_column, [text, pair_column], ids))
    sides = [text] if pair_column is None else [text, pair_column]
    separator = _separator(by_column[label])
    several = separator is not None or any(isinstance(value, list) for value in by_column[label])
    texts = [_texts(row, sides) for row in rows]
    labels = [_labels(value, separator) for value in by_column[label]]
    first = sample.parts.get("train", sample.parts.get("", ()))
    return Look(
        text,
        pair_column,
        label,
        tuple(name for name in ids if name not in {*sides, label}),
        several,
        separator,
        Counter(name for names in labels for name in names),
        Counter(
            name for row in first if not _is_blank(_texts(row, sides)) for name in _labels(row.get(label), separator)
        ),
        rows=len(rows),
        blank_texts=sum(map(_is_blank, texts)),
        repeated_texts=len(texts) - len(set(texts)),
        mean_length=sum(len(side) for given in texts for side in given) / len(texts) / len(sides),
        conflicts=_conflicts(texts, labels),
        leaks=_leaks(sample, sides),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(row: Mapping[str, Any], sides: Sequence[str]) -> tuple[str, ...]:
    """Return the text of a row, or both texts of a pair."""
    return tuple(_text(row.get(name)) for name in sides)


def _is_blank(texts: Sequence[str]) -> bool:
    return not all(map(str.strip, texts))


def _labels(value: Any, separator: str | None) -> list[str]:
    """Return the labels of a row as texts, as the data sources write them."""
    if isinstance(value, list):
        return [name for item in value for name in _labels(item, None)]
    if isinstance(value, bool):
        return [str(value).lower()]
    if value is None:
        return []
    return split_labels(value, separator) if separator is not None and isinstance(value, str) else [str(value)]


def _is_id(name: str, values: Sequence[Any]) -> bool:
    """Return whether a column has another number, or word with a digit in it, in each row; two rows do not say so."""
    words = {str(value) for value in values if isinstance(value, (str, int)) and not isinstance(value, bool)}
    if not 2 < len(words) == len(values) or any(len(word.split()) != 1 for word in words):  # noqa: PLR2004
        return False
    return _ID_NAME.search(name) is not None or all(any(map(str.isdigit, word)) for word in words)


def _without(
    columns: Mapping[str, Sequence[Any]], taken: Iterable[str | None], ids: Iterable[str]
) -> dict[str, Sequence[Any]]:
    """Return the columns that are left; ids too, where nothing else is."""
    rest = {name: values for name, values in columns.items() if name not in taken}
    return {name: values for name, values in rest.items() if name not in ids} or rest


def _longest(columns: Mapping[str, Sequence[Any]]) -> str:
    return max(columns, key=lambda name: sum(len(_text(value)) for value in columns[name]))


def _pair(columns: Mapping[str, Sequence[Any]]) -> tuple[str, str] | tuple[None, None]:
    """Choose two columns of words whose names say that they are a pair."""
    held = {name.lower(): name for name, values in columns.items() if _are_words(values)}
    for name, first in held.items():
        table, dot, own = name.rpartition(".")
        others = [second for one, second in _PAIRS if own == one]
        others += [own.removesuffix(one) + other for one, other in _COUNTED.items() if own.endswith(one)]
        for other in others:
            if (second := f"{table}{dot}{other}") in held:
                return first, held[second]
    return None, None


def _are_words(values: Sequence[Any]) -> bool:
    """Return whether a column holds texts of several words, as a column of numbers or classes does not."""
    return 2 * sum(isinstance(value, str) and " " in value.strip() for value in values) >= len(values)


def _label(columns: Mapping[str, Sequence[Any]]) -> str:
    """Choose a column whose name is one for labels, or else the one with the fewest different values."""
    distinct = {name: len({label for v in values for label in _labels(v, None)}) for name, values in columns.items()}
    rows = max((len(values) for values in columns.values()), default=0)
    fit = {name: n for name, n in distinct.items() if 1 < n <= min(_MOST_LABELS, max(2, rows // 2))}
    for name, values in columns.items():  # many labels joined in many ways are labels still
        if name not in fit and _is_named(name) and distinct[name] <= _MOST_JOINED and _separator(values) is not None:
            fit[name] = distinct[name]
    if not fit:
        seen = ", ".join(f"{name!r} has {n}" for name, n in distinct.items())
        words = f"no column looks like labels (two to {_MOST_LABELS} different values, each more than once): {seen}"
        raise DataError(f"{words}; name one with --label-column")
    return min(fit, key=lambda name: (not _is_named(name), fit[name]))


def _is_named(column: str) -> bool:
    return column.rpartition(".")[2].strip().lower() in _LABEL_WORDS


def _separator(values: Iterable[Any]) -> str | None:
    """Return what joins several labels in a cell: its parts are fewer than the cells, and are alone elsewhere."""
    cells = {value for value in values if isinstance(value, str)}
    for separator in _SEPARATORS:
        joined = [cell for cell in cells if separator in cell]
        parts = {part for cell in joined for part in split_labels(cell, separator)}
        if joined and "" not in parts and len(parts | (cells - set(joined))) < len(cells) and parts & cells:
            return separator
    return None


def _conflicts(texts: Sequence[tuple[str, ...]], labels: Sequence[Sequence[str]]) -> int:
    """Count the texts that have one label somewhere and another one elsewhere."""
    seen: dict[tuple[str, ...], tuple[str, ...]] = {}
    twice = set()
    for text, names in zip(texts, labels, strict=True):
        key = tuple(sorted(names))
        if not _is_blank(text) and seen.setdefault(text, key) != key:
            twice.add(text)
    return len(twice)


def _leaks(sample: Sample, sides: Sequence[str]) -> dict[str, int]:
    """Count, for each split behind train, the rows whose text is in train too, as the evidence of a run does."""

    def folded(row: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(map(fold, _texts(row, sides)))

    train = {folded(row) for row in sample.parts.get("train", ())}
    later = {split: part for split, part in sample.parts.items() if split not in {"", "train"}}
    found = {split: sum(folded(row) in train for row in part) for split, part in later.items()}
    return {split: rows for split, rows in found.items() if rows}
