"""What the CSV data sources give for good files, and what they say of bad ones."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from datasets import ClassLabel, List, Value
from support.data_faults import DATA_FAULTS, DECLARED, GOOD, DataFault
from support.rows import data_of

from clsfw.errors import DataError
from clsfw_csv import CsvSettings, ImdbCsvSettings
from clsfw_csv.source import FileSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import Dataset
    from support.reporting import Remembering


@pytest.mark.parametrize("fault", DATA_FAULTS, ids=str)
def test_a_bad_file_gets_one_clear_answer(fault: DataFault, tmp_path: Path, load: Callable[..., Dataset]) -> None:
    with pytest.raises(DataError) as caught:
        load(fault.content, fault.file, **fault.settings)

    message = str(caught.value)
    assert message.startswith(f"{tmp_path / fault.place}:")
    assert [words for words in fault.says if words not in message] == []


def test_faults_of_every_kind_are_told_at_once(load: Callable[..., Dataset]) -> None:
    with pytest.raises(DataError) as caught:
        load(b'text,label\na,x\nb\nc,\nd\n,x\n"open,y\n')

    lines = [line.rpartition("/")[2] for line in str(caught.value).splitlines()]
    assert [line.split(": ")[0] for line in lines] == [f"reviews.csv:{n}" for n in (3, 4, 6, 7)]
    assert lines[0].endswith("(2 rows in all, this is the first)")


def test_a_column_of_texts_named_as_labels_is_told_in_few_words(load: Callable[..., Dataset]) -> None:
    rows = b"".join(b"film %d,some words %d\n" % (n, n) for n in range(2000))

    with pytest.raises(DataError) as caught:
        load(b"text,label\n" + rows, labels=DECLARED)

    lines = str(caught.value).splitlines()
    assert len(lines) == 7
    assert "1,995 more rows with other faults" in lines[-2]
    assert "column 'label' holds more than 1000 different values that are not declared" in lines[-1]


class TestGoodFiles:
    def test_declared_labels_give_ids_in_their_order(self, load: Callable[..., Dataset]) -> None:
        data = load(GOOD, labels={"pos": "POSITIVE", "neg": "NEGATIVE"})

        assert data.features["label"].names == ["POSITIVE", "NEGATIVE"]
        assert data[:] == {
            "text": ["fine film", "dull film", "lovely", "boring"],
            "label": [0, 1, 0, 1],
            "row": [0, 1, 2, 3],
        }

    def test_inferred_labels_are_sorted(self, load: Callable[..., Dataset]) -> None:
        data = load(GOOD)

        assert data.features["label"].names == ["neg", "pos"]
        assert list(data["label"]) == [1, 0, 1, 0]

    def test_inferred_whole_numbers_are_sorted_by_size(self, load: Callable[..., Dataset]) -> None:
        data = load(b"text,label\na,10\nb,9\nc,2\n")

        assert data.features["label"].names == ["2", "9", "10"]

    def test_the_features_are_those_of_the_contract(self, load: Callable[..., Dataset]) -> None:
        data = load(b"text,label,lang\na,x,en\nb,y,de\n")

        assert data.features == {
            "text": Value("string"),
            "label": ClassLabel(names=["x", "y"]),
            "row": Value("int64"),
            "lang": Value("string"),
        }
        assert list(data["lang"]) == ["en", "de"]

    def test_a_column_whose_name_is_taken_is_left_out_and_told(
        self, load: Callable[..., Dataset], reporter: Remembering
    ) -> None:
        data = load(b"review,text,label\na,1,x\nb,2,y\n", text_column="review")

        assert list(data["text"]) == ["a", "b"]
        assert any("left out the column 'text'" in note for note in reporter.notes)

    def test_several_labels_per_text(self, load: Callable[..., Dataset]) -> None:
        data = load(b"text,label\na,x|y\nb,\nc,y\nd,z|x|z\n", label_separator="|")

        assert data.features["label"] == List(ClassLabel(names=["x", "y", "z"]))
        assert list(data["label"]) == [[0, 1], [], [1], [0, 2]]

    @pytest.mark.parametrize(
        ("rows", "labels", "words"),
        [
            (10, None, None),
            (11, None, "column 'label' holds 11 values, and all are different; it looks like a text, id or"),
            (11, {"neg": "N", "pos": "P"}, "column 'label' holds 11 different values that are not declared; it"),
            (1100, {"neg": "N", "pos": "P"}, "column 'label' holds more than 1000 different values that are not decl"),
        ],
    )
    def test_a_column_of_ids_is_no_label_column(
        self, load: Callable[..., Dataset], rows: int, labels: dict[str, str] | None, words: str | None
    ) -> None:
        content = "text,label\n" + "".join(f"film {n},{n}\n" for n in range(rows))
        if words is None:
            assert rows == len(load(content.encode(), labels=labels))
        else:
            with pytest.raises(DataError, match=words):
                load(content.encode(), labels=labels)

    def test_an_empty_label_between_separators_is_missing(self, load: Callable[..., Dataset]) -> None:
        with pytest.raises(DataError, match=r"reviews\.csv:3: no label"):
            load(b"text,label\na,x|y\nb,x||y\n", label_separator="|")

    def test_words_that_pandas_takes_for_missing_stay_texts(self, load: Callable[..., Dataset]) -> None:
        data = load(b"text,label\nNA,pos\nnull,neg\nNaN,pos\n007,neg\n")

        assert list(data["text"]) == ["NA", "null", "NaN", "007"]

    def test_line_ends_within_quotes_stay(self, load: Callable[..., Dataset]) -> None:
        data = load(b'text,label\r\n"a\r\nb\nc\rd ""e"", f",x\r\ng,y\r\n')

        assert list(data["text"]) == ['a\r\nb\nc\rd "e", f', "g"]

    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
    def test_any_line_end_will_do_if_it_is_the_same_throughout(self, load: Callable[..., Dataset], end: bytes) -> None:
        assert list(load(GOOD.replace(b"\n", end))["text"]) == ["fine film", "dull film", "lovely", "boring"]

    def test_blank_lines_are_no_rows(self, load: Callable[..., Dataset]) -> None:
        data = load(b"\ntext,label\n\na,x\n\nb,y\n\n\n")

        assert list(data["row"]) == [0, 1]

    def test_the_last_line_end_may_be_missing(self, load: Callable[..., Dataset]) -> None:
        assert list(load(GOOD.rstrip())["text"])[-1] == "boring"

    def test_a_byte_order_mark_is_no_part_of_the_header(self, load: Callable[..., Dataset]) -> None:
        assert len(load(b"\xef\xbb\xbf" + GOOD)) == 4

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252", "utf-32", "UTF8"])
    def test_other_encodings(self, load: Callable[..., Dataset], encoding: str) -> None:
        content = "text,label\ncafé,x\nnaïve,y\n".encode(encoding)

        assert list(load(content, encoding=encoding)["text"]) == ["café", "naïve"]

    def test_another_delimiter(self, load: Callable[..., Dataset]) -> None:
        assert list(load(GOOD.replace(b",", b"\t"), delimiter="\t")["label"]) == [1, 0, 1, 0]

    def test_a_review_longer_than_the_csv_module_allows_by_itself(self, load: Callable[..., Dataset]) -> None:
        data = load(b"text,label\n" + b"x" * 200_000 + b",a\ny,b\n")

        assert len(data[0]["text"]) == 200_000

    def test_the_limit_of_the_csv_module_is_put_back(self, load: Callable[..., Dataset]) -> None:
        import csv

        before = csv.field_size_limit()
        load(GOOD)

        assert csv.field_size_limit() == before

    def test_control_characters_are_kept(self, load: Callable[..., Dataset]) -> None:
        data = load("text,label\n\x1b[2J\u202eevil\x9b,x\n[/red],y\n".encode())

        assert list(data["text"]) == ["\x1b[2J\u202eevil\x9b", "[/red]"]

    def test_blank_texts_are_dropped_on_demand_and_counted(
        self, load: Callable[..., Dataset], reporter: Remembering
    ) -> None:
        data = load(b"text,label\na,x\n ,x\nb,y\n,y\n", empty_text="drop")

        assert data[:] == {"text": ["a", "b"], "label": [0, 1], "row": [0, 2]}
        assert any("dropped 2 rows with a blank text, the first on line 3" in note for note in reporter.notes)

    def test_rows_takes_the_first_and_reads_no_further(self, load: Callable[..., Dataset]) -> None:
        data = load(GOOD + b'"broken', rows=4)

        assert len(data) == 4

    def test_the_data_is_mapped_from_disk(self, load: Callable[..., Dataset], cache: Path) -> None:
        data = load(GOOD)

        assert [Path(file["filename"]).is_relative_to(cache) for file in data.cache_files] == [True]


class TestPacking:
    @pytest.mark.parametrize("compress", [bz2.compress, gzip.compress, lzma.compress])
    @pytest.mark.parametrize("file", ["reviews.csv", "reviews.csv.bz2"])
    def test_compression_is_told_by_the_content(
        self, load: Callable[..., Dataset], compress: Callable[[bytes], bytes], file: str
    ) -> None:
        assert len(load(compress(GOOD), file)) == 4

    @pytest.mark.parametrize("compress", [bz2.compress, gzip.compress, lzma.compress])
    def test_several_compressed_streams_in_one_file(
        self, load: Callable[..., Dataset], compress: Callable[[bytes], bytes]
    ) -> None:
        data = load(compress(GOOD[:20]) + compress(GOOD[20:]))

        assert list(data["text"]) == ["fine film", "dull film", "lovely", "boring"]

    @pytest.mark.parametrize("compress", [gzip.compress, lzma.compress])
    def test_padding_is_no_garbage_where_the_format_allows_it(
        self, load: Callable[..., Dataset], compress: Callable[[bytes], bytes]
    ) -> None:
        assert len(load(compress(GOOD) + b"\0" * 512)) == 4

    def test_a_bomb_stops_at_the_cap_in_little_memory(self, load: Callable[..., Dataset]) -> None:
        bomb = gzip.compress(b"text,label\na,x\nb,y\n" + b"c,x\n" * 20_000_000, compresslevel=9)
        tracemalloc.start()
        try:
            with pytest.raises(DataError, match="holds more than 300,000 bytes"):
                load(bomb, max_bytes=300_000)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()


class TestPlaces:
    def refusal(self, path: Path, reporter: Remembering) -> str:
        with pytest.raises(DataError) as caught:
            FileSource(CsvSettings(source=str(path))).load(reporter)
        return str(caught.value)

    def test_a_missing_file_names_its_neighbour(self, tmp_path: Path, reporter: Remembering) -> None:
        (tmp_path / "reviews.csv.bz2").write_bytes(b"")

        assert "no such file; did you mean 'reviews.csv.bz2'?" in self.refusal(tmp_path / "reviews.csv", reporter)

    def test_a_missing_folder_is_named(self, tmp_path: Path, reporter: Remembering) -> None:
        assert "there is no folder 'nowhere' either" in self.refusal(tmp_path / "nowhere" / "reviews.csv", reporter)

    def test_a_directory_names_a_file_in_it(self, tmp_path: Path, reporter: Remembering) -> None:
        (tmp_path / "a.csv").write_bytes(GOOD)

        assert "is a directory; name a file in it, such as 'a.csv'" in self.refusal(tmp_path, reporter)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
    def test_a_pipe_is_refused_instead_of_waited_for(self, tmp_path: Path, reporter: Remembering) -> None:
        os.mkfifo(tmp_path / "pipe.csv")

        assert "neither a file nor a directory" in self.refusal(tmp_path / "pipe.csv", reporter)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_an_unreadable_file_says_why(self, tmp_path: Path, reporter: Remembering) -> None:
        (tmp_path / "secret.csv").write_bytes(GOOD)
        (tmp_path / "secret.csv").chmod(0)

        assert "cannot be read: permission denied" in self.refusal(tmp_path / "secret.csv", reporter)

    def test_a_path_below_the_current_folder_is_shown_short(
        self, tmp_path: Path, reporter: Remembering, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)

        assert self.refusal(tmp_path / "a.csv", reporter).startswith("a.csv: no such file")


class TestCache:
    def test_the_second_load_reads_the_table_only(self, load: Callable[..., Dataset], reporter: Remembering) -> None:
        first = load(GOOD, empty_text="drop")
        second = load(GOOD, empty_text="drop")

        assert second.cache_files == first.cache_files
        assert second[:] == first[:]

    def test_notes_are_told_again_from_the_cache(self, load: Callable[..., Dataset], reporter: Remembering) -> None:
        for _ in range(2):
            load(GOOD + b",neg\n", empty_text="drop")

        assert len([note for note in reporter.notes if "dropped 1 row" in note]) == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"labels": {"pos": "P", "neg": "N"}},
            {"labels": {"neg": "N", "pos": "P"}},
            {"rows": 2},
            {"text_column": "label", "label_column": "text"},
        ],
    )
    def test_other_settings_are_another_table(self, load: Callable[..., Dataset], change: dict[str, object]) -> None:
        assert load(GOOD).cache_files != load(GOOD, **change).cache_files

    def test_a_name_that_denies_the_content_is_refused_though_the_content_is_known(
        self, load: Callable[..., Dataset]
    ) -> None:
        load(GOOD)

        with pytest.raises(DataError, match=r"is named \.bz2, but its content is not bz2 data"):
            load(GOOD, "reviews.csv.bz2")

    def test_the_order_of_labels_is_part_of_the_key(self, load: Callable[..., Dataset]) -> None:
        one = load(GOOD, labels={"pos": "P", "neg": "N"})
        two = load(GOOD, labels={"neg": "N", "pos": "P"})

        assert [list(one["label"]), list(two["label"])] == [[0, 1, 0, 1], [1, 0, 1, 0]]

    @pytest.mark.parametrize("damage", [lambda b: b[:-40], lambda b: b[:300] + b"X" + b[301:], lambda _: b""])
    def test_a_damaged_table_is_made_anew(self, load: Callable[..., Dataset], damage: Callable[[bytes], bytes]) -> None:
        table = Path(load(GOOD).cache_files[0]["filename"])
        table.write_bytes(damage(table.read_bytes()))

        assert list(load(GOOD)["text"]) == ["fine film", "dull film", "lovely", "boring"]

    def test_a_failed_read_leaves_nothing(self, load: Callable[..., Dataset], cache: Path) -> None:
        with pytest.raises(DataError):
            load(GOOD + b"x\n")

        assert [file for file in cache.rglob("*") if file.is_file()] == []


class TestProvenance:
    def test_it_names_content_and_rows_but_no_place(self, tmp_path: Path, reporter: Remembering) -> None:
        (tmp_path / "reviews.csv").write_bytes(GOOD)
        source = FileSource(CsvSettings(source=str(tmp_path / "reviews.csv"), rows=3))
        source.load(reporter)

        assert source.provenance() == {
            "sha256": hashlib.sha256(GOOD).hexdigest(),
            "rows": "3",
            "rows_dropped": "0",
        }

    def test_a_file_that_changes_while_it_is_read_is_refused_and_not_kept(
        self, tmp_path: Path, cache: Path, reporter: Remembering, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "reviews.csv"
        path.write_bytes(GOOD)
        # The reader tells its progress while the file is open: here somebody adds a row at that moment.
        monkeypatch.setattr(reporter, "progress", lambda *_: path.write_bytes(GOOD + b"late,pos\n"))

        with pytest.raises(DataError, match="changed while it was read"):
            FileSource(CsvSettings(source=str(path))).load(reporter)
        assert [file for file in cache.rglob("*") if file.is_file()] == []


class TestRealReviews:
    @pytest.fixture
    def reviews(self, shared: Path, reporter: Remembering) -> Dataset:
        path = shared / "data" / "movie_reviews.csv.bz2"
        return data_of(FileSource(ImdbCsvSettings(source=str(path), rows=20_000)).load(reporter))

    def test_the_parts_in_file_order_have_the_published_label_counts(self, reviews: Dataset) -> None:
        labels = np.asarray(reviews["label"])
        counts = [np.bincount(part).tolist() for part in np.split(labels, [8000, 10_000])]

        assert reviews.features["label"].names == ["NEGATIVE", "POSITIVE"]
        assert counts == [[3997, 4003], [975, 1025], [5125, 4875]]

    def test_every_review_is_the_one_that_the_csv_module_reads(self, reviews: Dataset, shared: Path) -> None:
        import csv
        import itertools

        with bz2.open(shared / "data" / "movie_reviews.csv.bz2", "rt", encoding="utf-8", newline="") as file:
            expected = [row["review"] for row in itertools.islice(csv.DictReader(file), 20_000)]

        assert list(reviews["text"]) == expected
