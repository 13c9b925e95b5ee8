"""Rows are read strictly, whatever the file, and every fault names its line."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clsfw import DataError
from clsfw.kit.rows import open_rows, read_rows


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read(path):
    return [(row.number, dict(row.values)) for row in read_rows(path)]


class TestCsv:
    def test_rows_are_numbered_by_the_line_where_they_begin(self, write):
        path = write("a.csv", 'text,label\n"two\nlines",x\r\n\nNA,y\n')

        assert [(2, {"text": "two\nlines", "label": "x"}), (5, {"text": "NA", "label": "y"})] == read(path)

    @pytest.mark.parametrize(("name", "kind"), [("a.tsv", None), ("a.tsv", ".csv"), ("a.txt", ".tsv")])
    def test_tsv_by_its_name_or_its_kind_has_tabs(self, name, kind, write):
        with open_rows(write(name, "text\tlabel\na,b\tx\n"), kind=kind) as rows:
            assert [{"text": "a,b", "label": "x"}] == [dict(row.values) for row in rows]

    def test_line_ends_within_quotes_stay_as_they_are(self, write):
        assert [(2, {"text": "a\r\nb"})] == read(write("a.csv", 'text\r\n"a\r\nb"\r\n'))

    def test_a_byte_order_mark_is_no_part_of_the_first_column(self, write):
        assert [(2, {"text": "a"})] == read(write("a.csv", b"\xef\xbb\xbftext\na\n"))

    def test_a_review_longer_than_the_csv_module_s_own_limit_is_read(self, write):
        import csv

        before = csv.field_size_limit()
        rows = read(write("a.csv", "text\n" + "x" * 200_000 + "\n"))

        assert 200_000 == len(rows[0][1]["text"])
        assert before == csv.field_size_limit()

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ("", "a.csv: is empty"),
            ("text,text\n", "a.csv:1: the header names the column 'text' twice"),
            ("text,label\na,b\nc\n", r"a.csv:3: 1 field where the header has 2"),
            ('text\nfine\n"open\nand on\n', "a.csv:3: the quote that opens here is never closed"),
            (
                b"text\nfine\ncaf\xe9\n",
                r'a.csv:3: byte 0xe9 at offset 13 is not utf-8 text; .*, set encoding = "latin-1"',
            ),
            (b"\xff\xfet\0e\0x\0t\0", "a.csv:1: byte 0xff at offset 0 is not utf-8 text; the file is UTF-16"),
        ],
    )
    def test_faults_name_their_line(self, content, said, write):
        with pytest.raises(DataError, match=said):
            read(write("a.csv", content))


class TestJsonl:
    def test_blank_lines_are_skipped_and_values_keep_their_types(self, write):
        path = write("a.jsonl", '{"text": "a", "n": 1}\n\n{"text": "b", "n": null}\n')

        assert [(1, {"text": "a", "n": 1}), (3, {"text": "b", "n": None})] == read(path)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ('{"text": "a"}\n{"text": \n', "a.jsonl:2: not JSON"),
            ('["a"]\n', "a.jsonl:1: each line must hold an object"),
            ('{"n": NaN}\n', "a.jsonl:1: not JSON: NaN is not a JSON number"),
            ('{"n": [1, 1e999]}\n', "a.jsonl:1: not JSON: the number 1e999 is too large"),
            ("[" * 100_000 + "\n", "a.jsonl:1: not JSON"),
        ],
    )
    def test_faults_name_their_line(self, content, said, write):
        with pytest.raises(DataError, match=said):
            read(write("a.jsonl", content))


class TestOthers:
    def test_each_line_of_a_text_file_is_a_row(self, write):
        assert [(1, {"text": "a"}), (2, {"text": ""}), (3, {"text": "b"})] == read(write("a.txt", "a\r\n\nb"))

    def test_parquet_rows_are_numbered_from_one(self, tmp_path):
        pq.write_table(pa.table({"text": ["a", "b"], "n": [1, None]}), tmp_path / "a.parquet")

        assert [(1, {"text": "a", "n": 1}), (2, {"text": "b", "n": None})] == read(tmp_path / "a.parquet")

    def test_what_is_no_parquet_is_named(self, write):
        with pytest.raises(DataError, match=r"a\.parquet: not a Parquet file"):
            read(write("a.parquet", "text\n"))

    @pytest.mark.parametrize(("suffix", "pack"), [("bz2", bz2.compress), ("gz", gzip.compress), ("xz", lzma.compress)])
    def test_compressed_files_are_read_and_damage_is_named(self, suffix, pack, write):
        packed = pack(b"a\n" * 1000)

        assert 1000 == len(read(write(f"a.txt.{suffix}", packed)))
        with pytest.raises(DataError, match="cut off"):
            read(write(f"cut.txt.{suffix}", packed[: len(packed) // 2]))
        with pytest.raises(DataError, match=f"is named .{suffix}, but its content is not"):
            read(write(f"other.txt.{suffix}", b"this is no such file"))

    def test_a_missing_file_a_folder_and_an_unknown_kind_are_named(self, tmp_path):
        (tmp_path / "b.csv").mkdir()
        for name, said in (("a.csv", "no such file"), ("b.csv", "is a directory"), ("c.xlsx", "must end in .csv")):
            with pytest.raises(DataError, match=said):
                read(tmp_path / name)
