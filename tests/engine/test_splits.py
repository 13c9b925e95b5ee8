"""Splits are cut as the recipe says, to the row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from clsfw.contract.parts import Labels
from clsfw.engine.splits import make_splits
from clsfw.errors import DataError, PluginError
from clsfw.kit.data import labels_of
from clsfw.kit.labels import label_counts
from clsfw.kit.pairs import fingerprint
from clsfw.recipe.schema import Split

TWO = Labels(("no", "yes"))
FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})


def make(rows: int = 20, texts: list[str] | None = None, labels: list[int] | None = None) -> Dataset:
    return Dataset.from_dict(
        {"text": texts or [f"text {i}" for i in range(rows)], "label": labels or [i % 2 for i in range(rows)]},
        features=FEATURES,
    )


def cut(data: Any, seed: int = 42, **split: Any) -> dict[str, list[int]]:
    made = make_splits(data, Split(**split), TWO, seed, "plugin")
    return {name: list(part["row"]) for name, part in made.items()}


class TestSizes:
    def test_in_order_takes_rows_as_they_come(self) -> None:
        rows = cut(make(), method="in-order", train=10, validation=4, test=6)

        assert {"train": list(range(10)), "validation": [10, 11, 12, 13], "test": list(range(14, 20))} == rows

    def test_fractions_of_one_leave_no_row_over(self) -> None:
        rows = cut(make(23), method="in-order", train=0.7, validation=0.1, test=0.2)

        assert {"train": 16, "validation": 2, "test": 5} == {name: len(part) for name, part in rows.items()}

    def test_more_than_there_is_names_both_numbers(self) -> None:
        with pytest.raises(DataError, match=r"ask for 30 rows .* has 20"):
            cut(make(), method="in-order", train=20, test=10)

    @pytest.mark.parametrize("method", ["in-order", "random", "stratified"])
    @pytest.mark.parametrize("sizes", [{"train": 0.8, "test": 0.2}, {"train": 8, "test": 2}], ids=["shares", "counts"])
    def test_no_rows_at_all_is_the_datas_mistake(self, method: str, sizes: dict[str, float]) -> None:
        with pytest.raises(DataError, match="the data has no rows"):
            cut(make().select([]), method=method, **sizes)

    def test_so_it_is_for_splits_that_the_data_brings(self) -> None:
        with pytest.raises(DataError, match="the data has no rows"):
            cut(DatasetDict(train=make().select([]), test=make().select([])), method="given")


class TestRandom:
    def test_same_seed_same_rows(self) -> None:
        split = {"method": "random", "train": 12, "test": 8}

        assert cut(make(), **split) == cut(make(), **split)

    def test_other_seed_other_rows(self) -> None:
        split = {"method": "random", "train": 12, "test": 8}

        assert cut(make(), **split) != cut(make(), seed=43, **split)

    def test_no_row_stands_in_two_splits(self) -> None:
        rows = cut(make(), method="random", train=12, test=8)

        assert list(range(20)) == sorted(rows["train"] + rows["test"])


class TestStratified:
    def test_each_split_has_the_shares_of_the_whole(self) -> None:
        data = make(40, labels=[int(i < 10) for i in range(40)])
        made = make_splits(data, Split(method="stratified", train=20, validation=8, test=12), TWO, 1, "plugin")

        assert [
            {"no": 15, "yes": 5},
            {"no": 6, "yes": 2},
            {"no": 9, "yes": 3},
        ] == [label_counts(part, TWO) for part in made.values()]

    def test_exact_counts_where_shares_do_not_divide(self) -> None:
        names = tuple("abcdefg")
        features = Features({"text": Value("string"), "label": ClassLabel(names=list(names))})
        data = Dataset.from_dict(
            {"text": [str(i) for i in range(100)], "label": [i % 7 for i in range(100)]}, features=features
        )
        made = make_splits(
            data, Split(method="stratified", train=53, validation=17, test=30), Labels(names), 1, "plugin"
        )

        assert [53, 17, 30] == [len(part) for part in made.values()]

    def test_a_class_of_one_row_cannot_be_shared_out(self) -> None:
        with pytest.raises(DataError, match="class 'yes' has 1 row"):
            cut(make(labels=[0] * 19 + [1]), method="stratified", train=10, test=10)


class TestGroups:
    TEXTS = [f"text {i}" for i in range(18)] + ["Text 0<br />", "text 1"]

    def test_equal_texts_stay_together_and_counts_hold(self) -> None:
        rows = cut(make(texts=self.TEXTS), method="in-order", train=10, test=10, group_by="text")

        assert [0, 1, 2, 3, 4, 5, 6, 7, 18, 19] == rows["train"]

    def test_every_method_keeps_them_together(self) -> None:
        data = make(texts=self.TEXTS)
        for method in ("random", "stratified"):
            rows = cut(data, method=method, train=10, test=10, group_by="text")
            for pair in ((0, 18), (1, 19)):
                assert len({split for split, members in rows.items() for row in pair if row in members}) == 1

    @pytest.mark.parametrize("method", ["in-order", "random", "stratified"])
    def test_fractions_are_met_to_within_the_largest_group_and_leave_no_row_over(self, method: str) -> None:
        data = make(60, texts=[f"text {i // 6}" for i in range(60)], labels=[i // 6 % 2 for i in range(60)])
        rows = cut(data, method=method, train=0.75, validation=0.1, test=0.15, group_by="text")

        assert list(range(60)) == sorted(row for part in rows.values() for row in part)
        assert len({(name, row // 6) for name, part in rows.items() for row in part}) == 10
        assert all(abs(len(rows[name]) - asked) <= 6 for name, asked in (("train", 45), ("validation", 6), ("test", 9)))

    def test_equal_texts_with_two_labels_do_not_spoil_the_shares_of_the_classes(self) -> None:
        data = make(40, texts=[f"text {i // 2}" for i in range(40)])
        rows = cut(data, method="stratified", train=0.8, validation=0.1, test=0.1, group_by="text")

        assert list(range(40)) == sorted(row for part in rows.values() for row in part)
        assert all(abs(len(rows[name]) - asked) <= 2 for name, asked in (("train", 32), ("validation", 4), ("test", 4)))

    def test_counts_that_cannot_be_met_say_what_to_do(self) -> None:
        data = make(texts=[f"text {i // 2}" for i in range(20)])

        with pytest.raises(
            DataError, match=r"test split is 1 row\(s\) short of 11: .* do not fit; give fractions, leave"
        ):
            cut(data, method="in-order", train=8, test=11, group_by="text")


class TestGivenSplits:
    def test_a_dataset_dict_is_taken_as_it_is(self) -> None:
        made = make_splits(DatasetDict(train=make(), test=make(4)), None, TWO, 1, "plugin")

        assert {"train": 20, "test": 4} == {name: len(part) for name, part in made.items()}

    def test_one_dataset_without_a_split_table_is_refused(self) -> None:
        with pytest.raises(DataError, match=r"say how to cut it in a \[split\] table"):
            make_splits(make(), None, TWO, 1, "plugin")

    @pytest.mark.parametrize(("size", "rows"), [(0.25, 5), (3, 3)])
    def test_what_the_data_does_not_bring_is_taken_from_train(self, size: float, rows: int) -> None:
        data = DatasetDict(train=make(), test=make(4))
        made = make_splits(data, Split(method="random", validation=size), TWO, 1, "plugin")

        assert ["train", "validation", "test"] == list(made)
        assert {"train": 20 - rows, "validation": rows, "test": 4} == {name: len(part) for name, part in made.items()}
        assert set(range(20)) == set(made["train"]["row"]) | set(made["validation"]["row"])
        assert [0, 1, 2, 3] == list(made["test"]["row"])

    def test_what_the_data_brings_is_not_cut_again(self) -> None:
        with pytest.raises(DataError, match=r"brings its own test split; leave test out of \[split\]"):
            make_splits(DatasetDict(train=make(), test=make(4)), Split(method="random", test=0.5), TWO, 1, "plugin")

    @pytest.mark.parametrize(("sizes", "rows"), [({"test": 0.25}, 15), ({"test": 3, "validation": 2}, 15)])
    def test_without_a_size_train_has_what_the_others_leave(self, sizes: dict[str, Any], rows: int) -> None:
        assert rows == len(cut(make(), method="in-order", **sizes)["train"])

    def test_nothing_left_to_train_on_is_refused(self) -> None:
        with pytest.raises(DataError, match="the train split is empty"):
            cut(make(), method="in-order", test=20)

    def test_a_class_that_train_never_saw_is_named(self) -> None:
        data = DatasetDict(train=make(labels=[0, 1] * 10), test=make(4))
        three = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes", "maybe"])})
        data = DatasetDict({name: Dataset.from_dict(part.to_dict(), features=three) for name, part in data.items()})
        data["test"] = Dataset.from_dict({"text": ["x"], "label": [2]}, features=three)

        with pytest.raises(DataError, match="class 'maybe' is in the test split"):
            make_splits(data, None, Labels(("no", "yes", "maybe")), 1, "plugin")


class TestContract:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"a": 1}, "'a' is not a split"),
            ([1, 2], "must give a datasets.Dataset or DatasetDict, or paths of Arrow files, not list"),
            (Dataset.from_dict({"text": ["a"]}), "no column 'label'"),
            (Dataset.from_dict({"text": ["a"], "label": [1]}), "must be a ClassLabel"),
            (Dataset.from_dict({"text": [1], "label": [1]}), "must hold strings"),
        ],
    )
    def test_a_breach_names_the_plugin(self, given: Any, words: str) -> None:
        with pytest.raises(PluginError, match=f"plugin x.*{words}"):
            labels_of(given, "plugin x")

    def test_a_list_of_class_labels_means_several_labels_per_text(self) -> None:
        features = Features({"text": Value("string"), "label": List(ClassLabel(names=["a", "b"]))})
        data = Dataset.from_dict({"text": ["x", "y"], "label": [[0, 1], []]}, features=features)

        assert Labels(("a", "b"), multi_label=True) == labels_of(data, "plugin")
        assert {"a": 1, "b": 1} == label_counts(data, Labels(("a", "b"), multi_label=True))

    def test_a_row_column_of_the_source_is_kept(self) -> None:
        data = make().add_column("row", np.arange(100, 120))

        assert [100, 101] == cut(data, method="in-order", train=2)["train"]


class TestFingerprint:
    def test_it_sees_order_texts_and_labels(self) -> None:
        data = make()
        others = [data.select(range(19, -1, -1)), make(texts=["x"] * 20), make(labels=[1] * 20)]

        assert len({fingerprint(data), *(fingerprint(other) for other in others)}) == 4


class TestRowNumbers:
    @pytest.mark.parametrize("numbers", [[0, 0], [-1, 1], ["0", "1"], [0, None]], ids=str)
    def test_wrong_ones_of_a_source_are_refused(self, numbers: list[Any]) -> None:
        data = make(2).add_column("row", numbers)
        with pytest.raises(PluginError, match=r"^plugin x: column 'row' must hold different int64 numbers from 0$"):
            make_splits(data, Split(method="in-order", train=2), TWO, 1, "plugin x")
