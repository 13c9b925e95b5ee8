from __future__ import annotations

import json

import numpy as np
import pytest
from support.runs import write_run

from clsfw.errors import RunDirectoryError, UsageError
from clsfw.evidence.compare import compare_runs
from clsfw.evidence.significance import mcnemar


def answers(only_a, only_b, both, neither):
    """Lay out true ids, and two runs' answers, with so many rows of each kind."""
    kinds = np.repeat([0, 1, 2, 3], [only_a, only_b, both, neither])
    gold = np.arange(len(kinds)) % 2
    return gold, np.where(np.isin(kinds, [0, 2]), gold, 1 - gold), np.where(np.isin(kinds, [1, 2]), gold, 1 - gold)


def pair_of(tmp_path, only_a, only_b, both, neither):
    gold, of_a, of_b = answers(only_a, only_b, both, neither)
    return [write_run(tmp_path / "one", gold, of_a), write_run(tmp_path / "two", gold, of_b, seconds=30)]


def test_counts_and_tests_of_known_answers(tmp_path):
    pair = compare_runs(pair_of(tmp_path, 60, 30, 800, 110)).pair
    assert (pair.only_a_right, pair.only_b_right, pair.both_right, pair.both_wrong) == (60, 30, 800, 110)
    assert pair.rows == 1000
    assert pair.difference == pytest.approx(0.03)
    assert pair.mcnemar_p == pytest.approx(mcnemar(60, 30))
    assert pair.interval == pytest.approx((0.03 - 0.0185, 0.03 + 0.0185), abs=0.002)
    assert 0 < pair.bootstrap_p < 0.01


def test_a_clear_winner_gets_a_plain_sentence(tmp_path):
    comparison = compare_runs(pair_of(tmp_path, 60, 30, 800, 110))
    assert comparison.sentence == "A is better by 3.0 points (95 % 1.2 to 4.9, p = 0.0022)"
    assert comparison.pair.better == comparison.pair.a


def test_runs_that_are_right_on_the_same_rows_get_no_interval_of_zero_width(tmp_path):
    sentence = compare_runs(pair_of(tmp_path, 0, 0, 190, 10)).sentence
    assert sentence == "no difference to judge: A and B are right on the same rows"


def test_the_sentence_turns_round_when_the_second_wins(tmp_path):
    comparison = compare_runs(reversed_of(pair_of(tmp_path, 60, 30, 800, 110)))
    assert comparison.sentence.startswith("B is better by 3.0 points (95 % 1.")


def reversed_of(paths):
    return paths[::-1]


def test_a_difference_that_may_be_luck_is_called_so(tmp_path):
    comparison = compare_runs(pair_of(tmp_path, 11, 9, 900, 80))
    assert comparison.sentence.startswith("no evidence of a difference between A and B (+0.20 points, 95 % -0.")
    assert comparison.pair.better is None


def test_equal_answers_are_no_evidence(tmp_path):
    pair = compare_runs(pair_of(tmp_path, 0, 0, 90, 10)).pair
    assert (pair.mcnemar_p, pair.bootstrap_p, pair.interval) == (1.0, 1.0, (0.0, 0.0))


def test_a_tiny_p_is_not_printed_as_zero(tmp_path):
    assert compare_runs(pair_of(tmp_path, 300, 10, 600, 90)).sentence.endswith("p < 0.001)")


def test_time_and_size_of_each_run_are_told(tmp_path):
    sides = compare_runs(pair_of(tmp_path, 3, 2, 20, 5)).sides
    assert [(side.run, side.timings["train_seconds"], side.model_bytes) for side in sides] == [
        ("one", 1.5, 7),
        ("two", 30, 7),
    ]


def test_the_same_runs_give_the_same_comparison(tmp_path):
    paths = pair_of(tmp_path, 60, 30, 800, 110)
    assert compare_runs(paths).to_json() == compare_runs(paths).to_json()


def test_what_json_says_of_two_runs_python_says_too(tmp_path):
    comparison = compare_runs(pair_of(tmp_path, 60, 30, 800, 110))
    values = comparison.to_json()
    for name in ("difference", "mcnemar_p", "bootstrap_p", "only_a_right", "only_b_right"):
        assert getattr(comparison, name) == values[name]
    assert list(comparison.interval) == values["interval"]


def test_two_runs_put_their_values_at_the_top_of_the_json(tmp_path):
    values = compare_runs(pair_of(tmp_path, 60, 30, 800, 110)).to_json()
    assert {"difference", "interval", "mcnemar_p", "bootstrap_p", "only_a_right", "only_b_right"} <= set(values)
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_three_runs_give_every_pair_and_corrected_p_values(tmp_path):
    gold, of_a, of_b = answers(60, 30, 800, 110)
    paths = [write_run(tmp_path / name, gold, said) for name, said in (("a", of_a), ("b", of_b), ("c", of_a))]
    comparison = compare_runs(paths)
    assert [(pair.a.letter, pair.b.letter) for pair in comparison.pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert comparison.pairs[0].corrected_p == pytest.approx(3 * comparison.pairs[0].mcnemar_p)
    assert len(comparison.to_json()["pairs"]) == 3
    with pytest.raises(UsageError, match="3 runs has 3 pairs"):
        _ = comparison.pair


def test_the_same_rows_of_another_file_are_matched_by_their_texts(tmp_path):
    gold, of_a, of_b = answers(6, 3, 80, 11)
    order, texts = np.random.default_rng(0).permutation(100), [f"text {i}" for i in range(100)]
    one = write_run(tmp_path / "one", gold, of_a, texts=texts)
    two = write_run(tmp_path / "two", gold[order], of_b[order], texts=[texts[i] for i in order])
    pair = compare_runs([one, two]).pair
    assert (pair.only_a_right, pair.only_b_right) == (6, 3)


def test_texts_that_stand_twice_are_paired_once_each(tmp_path):
    texts = ["the same", "the same", "another", "the same"]
    one = write_run(tmp_path / "one", [0, 0, 1, 1], [0, 1, 1, 1], texts=texts)
    two = write_run(tmp_path / "two", [1, 0, 1, 0], [1, 0, 1, 1], texts=[texts[i] for i in (3, 0, 2, 1)])
    pair = compare_runs([one, two]).pair
    assert (pair.both_right, pair.both_wrong) == (3, 1)


def test_other_texts_with_the_same_labels_in_the_same_order_are_refused(tmp_path):
    one = write_run(tmp_path / "one", [0, 1, 0, 1], [0, 1, 1, 1])
    two = write_run(tmp_path / "two", [0, 1, 0, 1], [0, 1, 0, 0], texts=["a", "b", "c", "d"])
    with pytest.raises(
        UsageError, match=r"tested on different rows \(4 and 4, of which 0 have the same text and label\)"
    ):
        compare_runs([one, two])


def test_rows_in_another_order_are_matched_by_their_number(tmp_path):
    gold, of_a, of_b = answers(6, 3, 80, 11)
    order = np.random.default_rng(0).permutation(100)
    one = write_run(tmp_path / "one", gold, of_a)
    two = write_run(tmp_path / "two", gold[order], of_b[order], rows=order)
    pair = compare_runs([one, two]).pair
    assert (pair.only_a_right, pair.only_b_right) == (6, 3)


def test_classes_in_another_order_are_matched_by_their_name(tmp_path):
    gold, of_a, of_b = answers(6, 3, 80, 11)
    one = write_run(tmp_path / "one", gold, of_a)
    two = write_run(tmp_path / "two", 1 - gold, 1 - of_b, names=("positive", "negative"))
    pair = compare_runs([one, two]).pair
    assert (pair.only_a_right, pair.only_b_right) == (6, 3)
    assert pair.f1_interval[0] <= pair.f1_difference <= pair.f1_interval[1]


def test_several_labels_per_text_count_as_right_when_all_are(tmp_path):
    gold = [[1, 0, 1], [0, 0, 0], [1, 1, 1]]
    one = write_run(tmp_path / "one", gold, gold, names=("a", "b", "c"), multi_label=True)
    said = [[1, 0, 1], [0, 1, 0], [1, 1, 0]]
    two = write_run(tmp_path / "two", gold, said, names=("a", "b", "c"), multi_label=True)
    assert compare_runs([one, two]).pair.only_a_right == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [5, 6, 7, 8]}, r"different rows \(4 and 4, of which 0 have the same text and label\)"),
        ({"texts": ["other 1", "text 1", "text 1", "text 3"]}, r"different rows \(4 and 4, of which 2 have the same"),
        ({"gold": [1, 1, 0, 1]}, "1 of their 4 test texts carry another gold label in the second"),
        ({"names": ("negative", "neutral")}, "their labels are 'negative', 'positive' and 'negative', 'neutral'"),
        ({"gold": [0, 1, 0], "predicted": [0, 1, 0]}, r"different rows \(4 and 3, of which 3 have the same"),
    ],
)
def test_other_test_rows_are_refused(tmp_path, change, message):
    given = {"gold": [0, 1, 0, 1], "predicted": [0, 1, 1, 1]}
    one = write_run(tmp_path / "one", **given)
    two = write_run(tmp_path / "two", **given | change)
    with pytest.raises(UsageError, match=message) as refused:
        compare_runs([one, two])
    assert str(refused.value).startswith(f"{one} and {two} cannot be compared")


def test_one_run_is_no_comparison(tmp_path):
    with pytest.raises(UsageError, match="at least two"):
        compare_runs([write_run(tmp_path / "one", [0, 1], [0, 1])])


def test_a_run_is_not_compared_with_itself(tmp_path):
    one = write_run(tmp_path / "one", [0, 1], [0, 1])
    with pytest.raises(UsageError, match="given twice"):
        compare_runs([one, one / ".." / "one"])


def test_an_incomplete_run_is_refused(tmp_path):
    paths = [write_run(tmp_path / "one", [0, 1], [0, 1]), write_run(tmp_path / "two", [0, 1], [0, 1], complete=False)]
    with pytest.raises(RunDirectoryError, match="not complete"):
        compare_runs(paths)


def test_changed_predictions_are_refused(tmp_path):
    paths = pair_of(tmp_path, 3, 2, 20, 5)
    file = paths[1] / "predictions.csv"
    file.write_text(file.read_text().replace("negative,positive", "negative,negative"))
    with pytest.raises(RunDirectoryError, match=r"predictions\.csv"):
        compare_runs(paths)


def test_texts_that_one_run_cut_are_compared_by_themselves(tmp_path):
    gold, of_a, of_b = answers(10, 40, 140, 10)
    cut = np.arange(200) < 60
    one = write_run(tmp_path / "one", gold, of_a, truncated=cut)
    pair = compare_runs([one, write_run(tmp_path / "two", gold, of_b)]).pair

    found = pair.cut_by_one
    assert (found.rows, found.by_a, found.only_a_right, found.only_b_right) == (60, 60, 10, 40)
    assert found.difference == -0.5
    assert found.mcnemar_p == mcnemar(10, 40)
    assert pair.cut_sentence.startswith("on the 60 texts that only A cut: B is better by 50.0 points (95 % ")
    assert pair.to_json()["cut_by_one"]["sentence"] == pair.cut_sentence


def test_runs_that_cut_the_same_texts_say_nothing_of_them(tmp_path):
    gold, of_a, of_b = answers(6, 3, 80, 11)
    paths = [
        write_run(tmp_path / name, gold, said, truncated=np.arange(100) < 9)
        for name, said in (("one", of_a), ("two", of_b))
    ]

    assert compare_runs(paths).pair.cut_by_one is None
