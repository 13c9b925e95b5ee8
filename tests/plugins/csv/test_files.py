"""JSON lines and Parquet are read as strictly as CSV; texts may stand in several columns, data in several files."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from pydantic import ValidationError
from support.rows import data_of

from clsfw.errors import DataError, HostError
from clsfw_csv import CsvSettings, FileSettings, JsonlSettings, ParquetSettings
from clsfw_csv.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.reporting import Remembering


@pytest.fixture
def load(tmp_path: Path, reporter: Remembering) -> Callable[..., Any]:
    """Give a function that reads files of the folder of the test."""

    def load(kind: type[FileSettings], source: Any, **settings: Any) -> Any:
        def placed(given: Any) -> Any:
            if isinstance(given, dict):
                return {key: placed(value) for key, value in given.items()}
            return str(tmp_path / given) if isinstance(given, str) else tuple(map(placed, given))

        return data_of(FileSource(kind.model_validate({"source": placed(source), **settings})).load(reporter))

    return load


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


class TestJsonLines:
    def test_nested_keys_are_named_by_dots(self, load: Callable[..., Any], tmp_path: Path) -> None:
        rows = [{"meta": {"title": t}, "out": {"class": c}, "n": 1} for t, c in (("a", "x"), ("b", "y"))]
        (tmp_path / "a.jsonl").write_bytes(lines(*rows))
        data = load(JsonlSettings, "a.jsonl", text_column="meta.title", label_column="out.class")

        assert data[:] == {"text": ["a", "b"], "label": [0, 1], "row": [0, 1], "n": ["1", "1"]}

    def test_the_second_texts_of_pairs_are_named_by_dots_too(self, load: Callable[..., Any], tmp_path: Path) -> None:
        rows = [{"a": {"text": t, "reply": r}, "label": c} for t, r, c in (("a", "1", "x"), ("b", "2", "y"))]
        (tmp_path / "a.jsonl").write_bytes(lines(*rows))
        data = load(JsonlSettings, "a.jsonl", text_column="a.text", text_pair_column="a.reply")

        assert ["1", "2"] == data["text_pair"][:]

    def test_a_second_text_that_is_no_text_has_its_line(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(
            lines({"text": "a", "b": "1", "label": "x"}, {"text": "c", "b": None, "label": "y"})
        )
        with pytest.raises(DataError, match=r"a\.jsonl:2: no text in column 'b'"):
            load(JsonlSettings, "a.jsonl", text_pair_column="b")

    def test_lists_are_several_labels_and_numbers_are_labels(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(
            lines({"text": "a", "label": [10, 9]}, {"text": "b", "label": []}, {"text": "c", "label": None})
        )
        data = load(JsonlSettings, "a.jsonl")

        assert data.features["label"] == List(ClassLabel(names=["9", "10"]))
        assert list(data["label"]) == [[0, 1], [], []]

    def test_keys_that_come_late_are_columns_too(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(
            lines({"text": "a", "label": "x"}, {"text": "b", "label": "y", "lang": "de", "list": [1]})
        )
        data = load(JsonlSettings, "a.jsonl", labels={"x": "X", "y": "Y"})

        assert list(data["lang"]) == ["", "de"]
        assert "list" not in data.column_names

    def test_every_fault_is_told_with_its_line(self, load: Callable[..., Any], tmp_path: Path) -> None:
        content = (
            lines({"text": "a", "label": "x"})
            + b'{"text": \n[1]\n'
            + lines({"text": 1, "label": "x"}, {"text": " ", "label": "x"}, {"text": "b", "label": 0.5}, {"text": "b"})
        )
        (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content))
        with pytest.raises(DataError) as caught:
            load(JsonlSettings, "a.jsonl.gz")

        told = [line.rpartition("/")[2] for line in str(caught.value).splitlines()]
        assert [line.split(": ")[0] for line in told[:5]] == [f"a.jsonl.gz:{n}" for n in (2, 3, 4, 5, 6)]
        assert "not JSON" in told[0]
        assert "label '0.5' in column 'label' is neither a text nor a whole number" in told[4]

    def test_a_missing_column_lists_the_keys_of_the_first_row(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(lines({"txt": "a", "label": "x"}))

        with pytest.raises(DataError, match=r"a\.jsonl:1: no column 'text'; did you mean text_column = 'txt'\?"):
            load(JsonlSettings, "a.jsonl")

    def test_an_empty_file_has_no_rows(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(b"\n")

        with pytest.raises(DataError, match=r"a\.jsonl: has no rows"):
            load(JsonlSettings, "a.jsonl", labels={"x": "X", "y": "Y"})

    def test_a_list_here_and_a_text_there_is_a_fault(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.jsonl").write_bytes(lines({"text": "a", "label": ["x"]}, {"text": "b", "label": "y"}))

        with pytest.raises(DataError, match=r"a\.jsonl:2: column 'label' holds 'y', and a list of labels elsewhere"):
            load(JsonlSettings, "a.jsonl")


class TestParquet:
    def test_columns_and_structs_are_read(self, load: Callable[..., Any], tmp_path: Path) -> None:
        table = pa.table({"meta": [{"title": "a"}, {"title": "b"}], "label": [True, False], "n": [1, None]})
        pq.write_table(table, tmp_path / "a.parquet")
        data = load(ParquetSettings, "a.parquet", text_column="meta.title")

        assert data.features["label"].names == ["false", "true"]
        assert data[:]["n"] == ["1", ""]

    def test_faults_are_told_with_their_row(self, load: Callable[..., Any], tmp_path: Path) -> None:
        pq.write_table(pa.table({"text": ["a", None], "label": ["x", "y"]}), tmp_path / "a.parquet")

        with pytest.raises(DataError, match=r"a\.parquet:2: no text in column 'text'"):
            load(ParquetSettings, "a.parquet")

    def test_the_second_texts_of_pairs_are_read(self, load: Callable[..., Any], tmp_path: Path) -> None:
        table = pa.table({"text": ["a", "b"], "reply": ["1", "2"], "label": ["x", "y"]})
        pq.write_table(table, tmp_path / "a.parquet")
        data = load(ParquetSettings, "a.parquet", text_pair_column="reply")

        assert ["1", "2"] == data["text_pair"][:]

    def test_what_is_no_parquet_is_refused(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.parquet").write_bytes(b"text,label\n")

        with pytest.raises(DataError, match=r"a\.parquet: not a Parquet file"):
            load(ParquetSettings, "a.parquet")

    @pytest.mark.parametrize("several", [False, True])
    def test_class_names_that_the_file_carries_are_taken(
        self, load: Callable[..., Any], tmp_path: Path, several: bool
    ) -> None:
        classes = ClassLabel(names=["z", "a", "unused"])
        label = [[0, 1], [], [1]] if several else [0, 1, 0]
        features = Features({"text": Value("string"), "label": List(classes) if several else classes})
        made = Dataset.from_dict({"text": ["p", "q", "r"], "label": label}, features=features)
        made.to_parquet(str(tmp_path / "a.parquet"))
        data = load(ParquetSettings, "a.parquet")

        assert data.features["label"] == features["label"]
        assert data["label"][:] == label

    def test_declared_labels_come_before_those_that_the_file_carries(
        self, load: Callable[..., Any], tmp_path: Path
    ) -> None:
        features = Features({"text": Value("string"), "label": ClassLabel(names=["z", "a"])})
        Dataset.from_dict({"text": ["p", "q"], "label": [0, 1]}, features=features).to_parquet(
            str(tmp_path / "a.parquet")
        )

        assert load(ParquetSettings, "a.parquet", labels={"1": "A", "0": "Z"}).features["label"].names == ["A", "Z"]

    def test_files_with_other_classes_are_refused(self, load: Callable[..., Any], tmp_path: Path) -> None:
        for name, classes in (("a", ["x", "y"]), ("b", ["y", "x"])):
            features = Features({"text": Value("string"), "label": ClassLabel(names=classes)})
            made = Dataset.from_dict({"text": ["p", "q"], "label": [0, 1]}, features=features)
            made.to_parquet(str(tmp_path / f"{name}.parquet"))

        with pytest.raises(DataError, match=r"b\.parquet: has other classes in column 'label' than .*a\.parquet"):
            load(ParquetSettings, ["a.parquet", "b.parquet"])


class TestSeveralColumns:
    def test_they_are_joined_and_one_may_be_blank(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(b"subject,body,label\nHi,there,x\nHi,,y\n")
        data = load(CsvSettings, "a.csv", text_column=("subject", "body"), text_separator=" / ")

        assert list(data["text"]) == ["Hi / there", "Hi / "]

    def test_a_missing_one_is_named(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(b"subject,bodi,label\nHi,there,x\n")

        with pytest.raises(DataError, match=r"no column 'body'; did you mean text_column = 'bodi'\?"):
            load(CsvSettings, "a.csv", text_column=("subject", "body"))

    def test_all_blank_is_blank(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(b"subject,body,label\nHi,there,x\n,,y\n")

        with pytest.raises(DataError, match=r"a\.csv:3: the text is blank"):
            load(CsvSettings, "a.csv", text_column=("subject", "body"))

    @pytest.mark.parametrize("columns", [("a", "a"), ("label",), ()])
    def test_a_senseless_list_is_refused(self, columns: tuple[str, ...]) -> None:
        with pytest.raises(ValidationError):
            CsvSettings.model_validate({"source": "a.csv", "text_column": columns})


class TestSeveralFiles:
    def test_a_list_is_read_one_after_the_other_with_the_file_as_a_column(
        self, load: Callable[..., Any], tmp_path: Path
    ) -> None:
        (tmp_path / "a.csv").write_bytes(b"text,label,lang\na,x,en\n")
        (tmp_path / "b.csv").write_bytes(b"text,label,lang\nb,y,de\n")
        data = load(CsvSettings, ["b.csv", "a.csv"])

        assert data[:] == {
            "text": ["b", "a"],
            "label": [1, 0],
            "row": [0, 1],
            "lang": ["de", "en"],
            "file": ["b.csv", "a.csv"],
        }

    def test_a_pattern_is_sorted(self, load: Callable[..., Any], tmp_path: Path) -> None:
        for name in ("2024", "2023"):
            (tmp_path / f"{name}.csv").write_bytes(f"text,label\n{name} a,x\n{name} b,y\n".encode())

        assert list(load(CsvSettings, "*.csv")["text"]) == ["2023 a", "2023 b", "2024 a", "2024 b"]
        with pytest.raises(DataError, match="no file matches this pattern"):
            load(CsvSettings, "*.tsv")

    def test_a_table_gives_splits_with_the_same_classes(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "train.csv").write_bytes(b"text,label\na,y\nb,z\n")
        (tmp_path / "test.csv").write_bytes(b"text,label\nc,x\n")
        data = load(CsvSettings, {"train": "train.csv", "test": "test.csv"})

        assert sorted(data) == ["test", "train"]
        assert [data["train"].features["label"].names, data["test"].features["label"].names] == [["x", "y", "z"]] * 2
        assert (list(data["train"]["label"]), list(data["test"]["label"])) == ([1, 2], [0])

    def test_places_name_the_file(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "train.csv").write_bytes(b"text,label\na,y\nb,z\n")
        (tmp_path / "test.csv").write_bytes(b"text,label\nc,x\n,x\n")

        with pytest.raises(DataError, match=r"test\.csv:3: the text is blank"):
            load(CsvSettings, {"train": "train.csv", "test": "test.csv"})

    def test_rows_are_counted_over_the_files_of_a_split(self, load: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(b"text,label\na,x\nb,y\n")
        (tmp_path / "b.csv").write_bytes(b"text,label\nc,x\nd,y\n")

        assert list(load(CsvSettings, ["a.csv", "b.csv"], rows=3)["text"]) == ["a", "b", "c"]

    def test_several_files_are_kept_apart_in_the_cache_and_found_again(
        self, load: Callable[..., Any], tmp_path: Path
    ) -> None:
        (tmp_path / "a.csv").write_bytes(b"text,label\na,x\n")
        (tmp_path / "b.csv").write_bytes(b"text,label\nb,y\n")
        names = ["a.csv", "b.csv"]
        once, turned, again = (load(CsvSettings, given) for given in (names, names[::-1], names))

        assert once.cache_files == again.cache_files != turned.cache_files

    @pytest.mark.parametrize(
        "settings",
        [
            {"source": {"test": "a.csv"}},
            {"source": ()},
            {"source": {}},
            {"source": ("a.csv", "b.csv"), "sha256": "0" * 64},
            {"source": "a.csv", "sha256": ("0" * 64, "1" * 64)},
            {"source": "a.csv", "sha256": {"train": "0" * 64}},
            {"source": {"train": "a.csv"}, "sha256": "0" * 64},
            {"source": {"train": "a.csv"}, "sha256": {"test": "0" * 64}},
            {"source": ("a.csv",), "sha256": ("0",)},
            {"source": {"dev": "a.csv", "train": "b.csv"}},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, settings: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            CsvSettings.model_validate(settings)


class TestPins:
    FILES: ClassVar = {"a.csv": b"text,label\na,x\nb,y\n", "b.csv": b"text,label\nc,x\nd,y\n"}

    @pytest.fixture(autouse=True)
    def _written(self, tmp_path: Path) -> None:
        for name, content in self.FILES.items():
            (tmp_path / name).write_bytes(content)

    def hashes(self) -> list[str]:
        return [hashlib.sha256(content).hexdigest() for content in self.FILES.values()]

    @pytest.mark.parametrize("source", [["a.csv", "b.csv"], "*.csv"])
    def test_several_files_are_pinned_in_their_order(self, load: Callable[..., Any], source: object) -> None:
        first, second = self.hashes()

        assert len(load(CsvSettings, source, sha256=(first.upper(), second))) == 4
        with pytest.raises(DataError, match=rf"a\.csv: its sha256 is {first}, but the recipe pins {second}"):
            load(CsvSettings, source, sha256=(second, first))

    def test_splits_are_pinned_by_name_and_some_may_be_left_out(self, load: Callable[..., Any]) -> None:
        source = {"train": "a.csv", "test": "b.csv"}
        first, second = self.hashes()

        assert set(load(CsvSettings, source, sha256={"train": first, "test": second})) == {"train", "test"}
        assert set(load(CsvSettings, source, sha256={"test": (second,)})) == {"train", "test"}
        with pytest.raises(DataError, match=r"b\.csv: its sha256 is"):
            load(CsvSettings, source, sha256={"test": first})

    def test_a_pattern_with_another_number_of_files(self, load: Callable[..., Any]) -> None:
        with pytest.raises(DataError, match="sha256 pins 1 file, and source names 2; give one hash for each"):
            load(CsvSettings, "*.csv", sha256=self.hashes()[0])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_pipe_in_the_cache_is_named_instead_of_waited_for(load: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text,label\na,x\nb,y\n")
    load(CsvSettings, "a.csv")
    for file in [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]:
        file.unlink()
        os.mkfifo(file)

    with pytest.raises(HostError, match="is a pipe, a socket or a device"):
        load(CsvSettings, "a.csv")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ('["a.csv", "b.csv"]\nsha256 = "{0}"', "[data] sha256: sha256 pins 1 file, and source names 2"),
        ('"a.csv"\nsha256 = {{ train = "{0}" }}', "[data] sha256: sha256 must be written as source is"),
        ('{{ train = "a.csv" }}\nsha256 = {{ test = "{0}" }}', "sha256 pins test, of which source names no file"),
        ('["a.csv", "b.csv"]\nsha256 = ["{0}", "12"]', "[data] sha256.1: must match the pattern"),
        ('{ trian = "a.csv" }', "[data] source.trian: must be one of 'train', 'validation' or 'test'"),
        ("{ train = 3 }", "[data] source.train: must be text in quotes or a list, not 3"),
        ('["a.csv", 3]', "[data] source.1: must be text in quotes, not 3"),
        ("3", "[data] source: must be text in quotes or a list or a table, not 3"),
    ],
)
def test_a_wrong_source_is_told_once_with_its_place(
    source: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from clsfw.cli import main

    written = source.format("0" * 64) if "{0}" in source else source
    (tmp_path / "r.toml").write_text(
        f'schema = 1\nname = "t"\n[data]\nuse = "csv"\nsource = {written}\n[split]\nmethod = "in-order"\ntrain = 0.8\n'
        'test = 0.2\n[model]\nuse = "tfidf"\n[trainer]\nuse = "sklearn-fit"\n[[metrics]]\nuse = "macro-metrics"\n'
    )

    assert main(["check", str(tmp_path / "r.toml")]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert "1 problem" in err
