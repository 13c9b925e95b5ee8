from __future__ import annotations

import numpy as np
import pytest

from clsfw.errors import RunDirectoryError
from clsfw.evidence.finished import SEEN, read_seen, seen_file
from clsfw.evidence.leakage import find_leaks, fold, hash_texts, seen_in_training


def leaks(texts, labels=None):
    labels = labels or {split: [0] * len(given) for split, given in texts.items()}
    return find_leaks(
        {split: hash_texts(given) for split, given in texts.items()},
        {split: np.array(ids, np.int64) for split, ids in labels.items()},
        {split: np.arange(len(given)) + 100 * i for i, (split, given) in enumerate(texts.items())},
    )


@pytest.mark.parametrize(
    "text", ["A  fine\nfilm", "a fine film", "A FINE<br /><br />FILM", "a fine<BR>film ", "\ta fine< br/ >film"]
)
def test_folding_takes_case_space_and_line_breaks_away(text):
    assert fold(text) == "a fine film"


def test_folding_knows_letters_of_which_one_case_is_longer():
    assert fold("DIE STRASSE") == fold("die Straße")  # `lower` would leave the sharp s as it is
    assert fold("ΌΛΟΣ") == fold("όλοσ")  # nor would it make one letter of the two small sigmas


def test_folding_keeps_words_apart():
    assert fold("ab") != fold("a<br />b")


def test_all_three_pairs_are_counted_exactly_and_folded():
    found, _ = leaks({"train": ["a", "b", "c"], "validation": ["A", "b"], "test": ["c", "a ", "b", "x"]})
    assert found["train_validation"] == {"exact": 1, "folded": 2, "rows": [100, 101]}
    assert found["train_test"] == {"exact": 2, "folded": 3, "rows": [200, 201, 202]}
    assert found["validation_test"] == {"exact": 1, "folded": 2, "rows": [201, 202]}


def test_a_repeated_test_row_that_leaks_counts_each_time():
    found, leaked = leaks({"train": ["a"], "test": ["a", "a", "b"]})
    assert found["train_test"]["exact"] == 2
    assert leaked.tolist() == [True, True, False]


def test_texts_with_two_labels_are_counted_over_all_splits():
    found, _ = leaks(
        {"train": ["a", "b", "c", "c"], "test": ["A", "b", "c"]},
        {"train": [0, 0, 0, 0], "test": [1, 0, 1]},
    )
    assert found["two_labels"] == {"exact": 1, "folded": 2}


def test_duplicates_within_training_are_those_beyond_the_first():
    found, _ = leaks({"train": ["a", "a", "A", "b"], "test": ["z"]})
    assert found["duplicates_in_train"] == {"exact": 1, "folded": 2}


def test_label_sets_are_compared_as_sets():
    found, _ = leaks({"train": ["a", "b"], "test": ["a", "b"]}, {"train": [[1, 0], [0, 1]], "test": [[1, 0], [1, 1]]})
    assert found["two_labels"]["exact"] == 1


def test_a_single_split_has_no_pairs():
    found, leaked = leaks({"test": ["a", "a"]})
    assert set(found) == {"two_labels"}
    assert leaked is None


def test_real_reviews_leak_as_counted_by_hand(shared):
    import bz2
    import csv

    csv.field_size_limit(1_000_000)
    with bz2.open(next((shared / "data").glob("*.csv.bz2")), "rt", encoding="utf-8", newline="") as file:
        texts = [row["review"] for row, _ in zip(csv.DictReader(file), range(20_000), strict=False)]
    parts = {"train": texts[:8000], "validation": texts[8000:10_000], "test": texts[10_000:]}
    found, leaked = leaks(parts)
    train = set(parts["train"])
    by_hand = sum(text in train for text in parts["test"])
    assert found["train_test"]["exact"] == by_hand
    assert 10 <= by_hand <= 60
    assert leaked.sum() >= by_hand


def test_rows_that_a_model_was_trained_on_are_known_by_their_hashes():
    seen = seen_in_training(
        {"train": hash_texts(["A film"]), "validation": hash_texts(["b"]), "test": hash_texts(["c"])}
    )

    found, leaked = find_leaks(
        {"test": hash_texts(["a  FILM", "c", "b"])}, {"test": np.zeros(3, np.int64)}, {"test": np.arange(3)}, seen
    )

    assert [True, False, True] == leaked.tolist()
    assert "train_test" not in found


def test_the_hashes_are_read_as_they_were_written_and_nothing_else_is(tmp_path):
    hashes = seen_in_training({"train": hash_texts(["a", "b", "c"])})
    (tmp_path / SEEN).write_bytes(seen_file(hashes))
    assert np.array_equal(hashes, read_seen(tmp_path))

    (tmp_path / SEEN).write_bytes(seen_file(hashes) + b"x")
    with pytest.raises(RunDirectoryError, match="is not a list of 64-bit hashes"):
        read_seen(tmp_path)
