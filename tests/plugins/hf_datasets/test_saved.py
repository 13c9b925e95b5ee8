"""`hf-dataset` on what was saved here: splits, labels, and what is said of bad data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value

from clsfw.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from support.reporting import Remembering

ROWS = [{"text": "fine film", "label": "pos"}, {"text": "dull film", "label": "neg"}, {"text": "NA", "label": "pos"}]
EXPECTED = {"text": ["fine film", "dull film", "NA"], "label": [1, 0, 1], "row": [0, 1, 2]}


@pytest.fixture(autouse=True)
def _no_bars() -> None:
    """Keep the writing of test data silent."""
    datasets.disable_progress_bars()


def saved(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    Dataset.from_list([dict(row) for row in rows]).save_to_disk(str(path))


def as_folder(folder: Path) -> str:
    saved(folder / "saved", ROWS)
    return "saved"


def as_arrow(folder: Path) -> str:
    (arrow,) = (folder / as_folder(folder)).glob("*.arrow")
    arrow.rename(folder / "a.arrow")
    return "a.arrow"


FORMATS = [as_folder, as_arrow]


class TestFormats:
    @pytest.mark.parametrize("write", FORMATS)
    def test_every_format_gives_the_same_rows(
        self, tmp_path: Path, load: Callable[..., Any], write: Callable[[Path], str]
    ) -> None:
        data = load(write(tmp_path))

        assert data[:] == EXPECTED
        assert data.features["label"] == ClassLabel(names=["neg", "pos"])

    @pytest.mark.parametrize("write", FORMATS)
    def test_a_limit_of_rows_holds_for_every_format(
        self, tmp_path: Path, load: Callable[..., Any], write: Callable[[Path], str]
    ) -> None:
        assert load(write(tmp_path), rows=2)["text"][:] == ["fine film", "dull film"]

    def test_plain_columns_are_kept_as_strings(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        rows = [row | {"year": 1999 + i, "tags": ["a"], "ok": None} for i, row in enumerate(ROWS)]
        saved(tmp_path / "saved", rows)

        data = load("saved")

        assert data.column_names == ["text", "label", "row", "year"]
        assert list(data["year"]) == ["1999", "2000", "2001"]

    def test_the_same_content_is_the_same_file(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        assert load(as_folder(tmp_path)).cache_files == load(as_arrow(tmp_path)).cache_files


class TestSplits:
    def test_a_folder_with_train_and_test_gives_both(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        whole = Dataset.from_list(ROWS)
        DatasetDict({"train": whole, "test": whole.select([0])}).save_to_disk(str(tmp_path / "saved"))

        data = load("saved")

        assert isinstance(data, DatasetDict)
        assert {split: len(part) for split, part in data.items()} == {"train": 3, "test": 1}

    def test_classes_are_those_of_all_splits(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        test = Dataset.from_list([{"text": "so so", "label": "mixed"}])
        DatasetDict({"train": Dataset.from_list(ROWS), "test": test}).save_to_disk(str(tmp_path / "saved"))

        data = load("saved")

        assert {tuple(part.features["label"].names) for part in data.values()} == {("mixed", "neg", "pos")}
        assert [list(part["label"]) for part in data.values()] == [[2, 1, 2], [0]]

    def test_splits_are_renamed_and_left_out_as_asked(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        whole = Dataset.from_list(ROWS)
        parts = {"first": whole, "second": whole.select([0, 1]), "third": whole}
        DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))

        data = load("saved", splits={"train": "first", "test": "second"})

        assert {split: len(part) for split, part in data.items()} == {"train": 3, "test": 2}

    def test_an_unknown_split_is_answered_with_the_known_ones(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        with pytest.raises(DataError, match="has no split 'dev'; its splits are 'train'"):
            load(as_folder(tmp_path), splits={"train": "dev"})

    def test_splits_with_foreign_names_must_be_said(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        DatasetDict({"a": Dataset.from_list(ROWS), "b": Dataset.from_list(ROWS)}).save_to_disk(str(tmp_path / "saved"))

        with pytest.raises(DataError, match="its splits are 'a', 'b'; say which is which"):
            load("saved")


class TestLabels:
    def test_class_labels_keep_their_ids_and_names(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        features = Features({"text": Value("string"), "label": ClassLabel(names=["z", "a", "unused"])})
        made = Dataset.from_dict({"text": ["x", "y"], "label": [0, 1]}, features=features)
        made.save_to_disk(str(tmp_path / "saved"))

        data = load("saved")

        assert data.features["label"].names == ["z", "a", "unused"]
        assert list(data["label"]) == [0, 1]

    def test_declared_labels_rename_and_reorder(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        data = load(as_folder(tmp_path), labels={"pos": "POSITIVE", "neg": "NEGATIVE"})

        assert data.features["label"].names == ["POSITIVE", "NEGATIVE"]
        assert list(data["label"]) == [0, 1, 0]

    def test_whole_numbers_are_named_by_declared_labels(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        saved(tmp_path / "saved", [{"text": "a", "label": 1}, {"text": "b", "label": 0}])

        data = load("saved", labels={"0": "NEGATIVE", "1": "POSITIVE"})

        assert data.features["label"].names == ["NEGATIVE", "POSITIVE"]
        assert list(data["label"]) == [1, 0]

    def test_whole_numbers_without_names_are_sorted_by_size(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        saved(tmp_path / "saved", [{"text": "a", "label": n} for n in (10, 9, -1, 10)])

        data = load("saved")

        assert data.features["label"].names == ["-1", "9", "10"]
        assert list(data["label"]) == [2, 1, 0, 2]

    def test_truth_values_are_labels(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        saved(tmp_path / "saved", [{"text": "a", "label": True}, {"text": "b", "label": False}])

        assert load("saved").features["label"].names == ["false", "true"]

    def test_lists_of_strings_are_several_labels_per_text(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        saved(tmp_path / "saved", [{"text": str(i), "label": tags} for i, tags in enumerate((["y", "x"], [], ["x"]))])

        data = load("saved")

        assert data.features["label"] == List(ClassLabel(names=["x", "y"]))
        assert list(data["label"]) == [[0, 1], [], [0]]

    def test_lists_of_class_labels_are_several_labels_per_text(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        features = Features({"text": Value("string"), "label": List(ClassLabel(names=["joy", "fear", "anger"]))})
        made = Dataset.from_dict({"text": ["a", "b", "c"], "label": [[0, 2], [], [1]]}, features=features)
        made.save_to_disk(str(tmp_path / "saved"))

        data = load("saved")

        assert data.features["label"] == List(ClassLabel(names=["joy", "fear", "anger"]))
        assert list(data["label"]) == [[0, 2], [], [1]]

    def test_seventy_seven_classes(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        names = [f"intent_{number:02}" for number in range(77)]
        features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
        rows = {"text": [f"query {n}" for n in range(770)], "label": [n * 31 % 77 for n in range(770)]}
        parts = DatasetDict({split: Dataset.from_dict(rows, features=features) for split in ("train", "test")})
        parts.save_to_disk(str(tmp_path / "saved"))

        data = load("saved")

        assert data["train"].features["label"].names == names
        assert list(data["test"]["label"]) == rows["label"]


class TestBadData:
    def refusal(self, load: Callable[..., Any], path: str, **settings: Any) -> str:
        with pytest.raises(DataError) as caught:
            load(path, **settings)
        return str(caught.value)

    @pytest.mark.parametrize(
        ("rows", "says"),
        [
            ([*ROWS, {"text": None, "label": "pos"}], "split 'train', row 3: its text is nothing, not a string"),
            (
                [*ROWS, {"text": " ", "label": "pos"}, {"text": "", "label": "neg"}],
                "row 3: its text is blank",
            ),
            ([{"text": 5, "label": "pos"}], "row 0: its text is a int, not a string"),
            ([*ROWS, {"text": "a", "label": None}], "row 3: it has no label"),
            ([*ROWS, {"text": "a", "label": ""}], "row 3: it has no label"),
            ([{"text": "a", "label": 0.5}], "row 0: its label is a float"),
            ([{"text": "a", "label": {"x": 1}}], "row 0: its label is a dict"),
            ([{"text": "a", "label": ["x"]}, {"text": "b", "label": None}], "row 1: it has no list of labels"),
            (ROWS[:1], "every row has the label 'pos'; a classifier needs two classes"),
            (
                [{"txt": "a", "label": "x"}],
                "no column 'text'; did you mean text_column = 'txt'?",
            ),
            ([{"text": f"t{n}", "label": n} for n in range(1001)], "row 1000: with it the labels have more than 1000"),
        ],
        ids=str,
    )
    def test_bad_rows_are_named(
        self, tmp_path: Path, load: Callable[..., Any], rows: list[dict[str, Any]], says: str
    ) -> None:
        saved(tmp_path / "saved", rows)

        assert says in self.refusal(load, "saved")

    def test_the_rows_of_a_fault_are_counted(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        saved(tmp_path / "saved", [*ROWS, {"text": "", "label": "pos"}, {"text": "", "label": "neg"}])

        assert "(2 rows in all)" in self.refusal(load, "saved")

    def test_an_undeclared_label_names_the_nearest(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        said = self.refusal(load, as_folder(tmp_path), labels={"positive": "P", "neg": "N", "posi": "Q"})

        assert "row 0: its label 'pos' is not among the declared ones; did you mean 'posi'?" in said

    def test_data_without_labels_is_recognised(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
        Dataset.from_dict({"text": ["x"], "label": [-1]}, features=features).save_to_disk(str(tmp_path / "saved"))

        assert "its label is -1, which stands for no class" in self.refusal(load, "saved")

    def test_blank_texts_are_dropped_on_demand(
        self, tmp_path: Path, load: Callable[..., Any], reporter: Remembering
    ) -> None:
        saved(tmp_path / "saved", [{"text": " ", "label": "pos"}, *ROWS])

        assert list(load("saved", empty_text="drop")["row"]) == [1, 2, 3]
        assert any("dropped 1 rows with a blank text" in note for note in reporter.notes)

    def test_a_damaged_file_is_one_line(
        self, tmp_path: Path, load: Callable[..., Any], capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "a.arrow").write_bytes(b"no arrow")
        said = self.refusal(load, "a.arrow")

        assert said.startswith(f"{tmp_path / 'a.arrow'}: ")
        assert said.count("\n") == 0
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("path", "says"),
        [
            ("nowhere", "no such file or folder"),
            ("b.jsonl", "no such file or folder; files of rows are read by use = 'jsonl'"),
            ("part-*.parquet", "files of rows are read by use = 'parquet' with source"),
            ("empty", "is not a data set that Dataset.save_to_disk wrote"),
            ("notes.txt", "is not a data set that Dataset.save_to_disk wrote"),
            ("folder", "read its files by use = 'csv' with source"),
            ("folder/a.CSV.gz", "read the file by use = 'csv' with source"),
            ("rows.json", "read the file by use = 'jsonl' with source"),
            ("a.parquet", "read the file by use = 'parquet' with source"),
        ],
    )
    def test_what_is_for_another_source_is_said(
        self, tmp_path: Path, load: Callable[..., Any], path: str, says: str
    ) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "folder").mkdir()
        for file in ("notes.txt", "folder/a.CSV.gz", "rows.json", "a.parquet"):
            (tmp_path / file).write_text("hello", encoding="utf-8")

        assert says in self.refusal(load, path)

    def test_splits_must_agree_on_their_classes(self, tmp_path: Path, load: Callable[..., Any]) -> None:
        def made(names: list[str]) -> Dataset:
            features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
            return Dataset.from_dict({"text": ["x", "y"], "label": [0, 1]}, features=features)

        DatasetDict({"train": made(["a", "b"]), "test": made(["b", "a"])}).save_to_disk(str(tmp_path / "saved"))

        assert "the splits have different classes" in self.refusal(load, "saved")


def test_a_run_knows_which_columns_of_other_files_it_reads() -> None:
    from clsfw_hf_datasets import HfDatasetSettings
    from clsfw_hf_datasets.source import HfDatasetSource

    settings = HfDatasetSettings(path="./saved", text_column="body", label_column="kind", empty_text="drop")
    told = HfDatasetSource(settings).row_format()

    assert (("body",), "kind", None, "drop") == (told.text_columns, told.label_column, told.labels, told.empty_text)
