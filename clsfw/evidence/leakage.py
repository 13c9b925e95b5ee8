"""Texts that are where they should not be: in two splits, with two labels, or twice in training.

Texts are compared twice: exactly, and *folded*, that is after lower case, without `<br />`, with white space made one
blank. Only 64-bit hashes are kept, 16 bytes a text; that two different texts out of a million share a hash has a chance
of one in thirty million.
"""

from __future__ import annotations

import hashlib
import re
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.kit.pairs import PAIR, sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.evidence.metrics import Leaks, Overlap, TextCounts
    from clsfw.kit.pairs import Text

    Hashes = NDArray[np.uint64]

SHOWN_ROWS = 100
_BREAK = re.compile(r"<\s*br\s*/?\s*>", re.IGNORECASE)
_CHUNK = 1000
_BLOCK = 1_000_000


def fold(text: str) -> str:
    """Return the text without what makes copies of one review look different."""
    plain = _BREAK.sub(" ", text) if "<" in text else text
    return " ".join(plain.casefold().split())


class TextHashes(NamedTuple):
    """Hashes of N texts as they are and folded, uint64 [N] each."""

    exact: NDArray[np.uint64]
    folded: NDArray[np.uint64]


def hash_texts(texts: Sequence[Text]) -> TextHashes:
    """Hash N texts, or pairs of texts; they are read in chunks."""
    exact = np.empty(len(texts), np.uint64)
    folded = np.empty(len(texts), np.uint64)
    for start in range(0, len(texts), _CHUNK):
        parts = [sides(text) for text in texts[start : start + _CHUNK]]
        here = slice(start, start + len(parts))
        exact[here] = _hashes(map(_as_one, parts))
        folded[here] = _hashes(_as_one([fold(side) for side in part]) for part in parts)
    return TextHashes(exact, folded)


def _as_one(parts: Sequence[str]) -> str:
    """Join both texts of a pair, so that no other pair gives the same; a text alone stays as it is."""
    return parts[0] if len(parts) == 1 else f"{len(parts[0])}\0{parts[0]}{parts[1]}"


def find_side_leaks(
    data: Mapping[str, Dataset], rows: Mapping[str, Sequence[int] | NDArray[np.int64]]
) -> dict[str, dict[str, Overlap]]:
    """Count for each side of pairs how many rows of a split have a text there that an earlier split has there too."""
    present = [split for split in SPLITS if split in data]
    found: dict[str, dict[str, Overlap]] = {}
    for side in ("text", PAIR):
        hashes = {split: hash_texts(data[split][side])._asdict() for split in present if len(present) > 1}
        found[side] = {
            f"{earlier}_{later}": _overlap(hashes[earlier], hashes[later], rows[later])
            for earlier, later in combinations(present, 2)
        }
    return found


def hash_text(text: str) -> int:
    """Return a 64-bit hash of a text, the same on every machine."""
    return int.from_bytes(_digest(text), "little")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _hashes(texts: Iterable[str]) -> Hashes:
    return np.frombuffer(b"".join(map(_digest, texts)), "<u8")


def find_leaks(
    texts: Mapping[str, TextHashes],
    labels: Mapping[str, NDArray[np.int64]],
    rows: Mapping[str, Sequence[int] | NDArray[np.int64]],
    seen: NDArray[np.uint64] | None = None,
) -> tuple[Leaks, NDArray[np.bool_] | None]:
    """Count what leaks between and within splits.

    Texts come as hashes; labels are [N] or [N, C] by split, `rows` the numbers of the texts in their source. `seen` are
    folded hashes of what the model was trained and chosen on, where that is not among the splits. Gives the counts, and
    for a test split which of its rows are in training or validation too (folded), [N].
    """
    present = [split for split in SPLITS if split in texts]
    hashes = {split: texts[split]._asdict() for split in present}
    overlaps = {
        f"{earlier}_{later}": _overlap(hashes[earlier], hashes[later], rows[later])
        for earlier, later in combinations(present, 2)
    }
    found = cast("Leaks", overlaps)
    found["two_labels"] = _both_ways(
        lambda way: _contradictions([hashes[split][way] for split in present], [labels[split] for split in present])
    )
    if "train" in present:
        found["duplicates_in_train"] = _both_ways(lambda way: len(_repeated([hashes["train"][way]])))
    earlier_ones = [hashes[split]["folded"] for split in present if split != "test"]
    earlier_ones += [] if seen is None else [seen]
    if "test" not in present or not earlier_ones:
        return found, None
    return found, np.any([_is_among(hashes["test"]["folded"], earlier) for earlier in earlier_ones], axis=0)


def seen_in_training(texts: Mapping[str, TextHashes]) -> NDArray[np.uint64]:
    """Return the folded hashes of all that a model was trained and chosen on, each once, sorted."""
    kept = [hashes.folded for split, hashes in texts.items() if split != "test"]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *kept]))


def _both_ways(count: Callable[[str], int]) -> TextCounts:
    return {"exact": count("exact"), "folded": count("folded")}


def _overlap(
    earlier: Mapping[str, Hashes], later: Mapping[str, Hashes], rows: Sequence[int] | NDArray[np.int64]
) -> Overlap:
    """Count the rows of the later split whose text is in the earlier one."""
    folded = _is_among(later["folded"], earlier["folded"])
    return {
        "exact": int(_is_among(later["exact"], earlier["exact"]).sum()),
        "folded": int(folded.sum()),
        "rows": [int(rows[i]) for i in np.flatnonzero(folded)[:SHOWN_ROWS].tolist()],
    }


def _is_among(these: Hashes, those: Hashes) -> NDArray[np.bool_]:
    """Return which of N hashes are among others, [N]; `np.isin` takes five times the memory."""
    if not len(those):
        return np.zeros(len(these), np.bool_)
    those = np.sort(those)
    found = np.empty(len(these), np.bool_)
    for start in range(0, len(these), _BLOCK):
        part = these[start : start + _BLOCK]
        found[start : start + _BLOCK] = those[np.searchsorted(those[:-1], part)] == part
    return found


def _repeated(texts: Sequence[Hashes]) -> Hashes:
    """Return the hashes of the texts that occurred before, sorted; one that occurs three times is there twice."""
    every = np.concatenate(texts)
    every.sort()
    again: Hashes = every[1:][every[1:] == every[:-1]]
    return again


def _label_keys(labels: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return one number per row that is equal where the labels are."""
    if labels.ndim == 1:
        return labels.astype(np.uint64)
    return np.array([hash_text(" ".join(map(str, np.flatnonzero(row)))) for row in labels], np.uint64)


def _contradictions(texts: Sequence[Hashes], labels: Sequence[NDArray[np.int64]]) -> int:
    """Count the texts that have one label somewhere and elsewhere with another."""
    twice = np.unique(_repeated(texts))  # mostly few, and no other can have two labels
    if not len(twice):
        return 0
    which = [_is_among(part, twice) for part in texts]
    found = np.concatenate([part[chosen] for part, chosen in zip(texts, which, strict=True)])
    keys = np.concatenate([_label_keys(part[chosen]) for part, chosen in zip(labels, which, strict=True)])
    pairs = np.unique(np.column_stack([found, keys]), axis=0)
    _, labels_per_text = np.unique(pairs[:, 0], return_counts=True)
    return int((labels_per_text > 1).sum())
