"""`predict` and `evaluate` read a file as the run's own data was read, and say so."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clsfw
from clsfw import DataError, Labels, RowFormat, RunDirectoryError
from clsfw.inference.evaluate import evaluate_file
from clsfw.inference.output import Columns, Predicted, csv_bytes, jsonl_bytes, names_of
from clsfw.inference.parquet import write_parquet
from clsfw.inference.predict_file import Job, predict_file
from clsfw.inference.reading import LabelReader, Reading, RowFile
from clsfw.kit.rows import Row

TWO = Labels(("NEGATIVE", "POSITIVE"))
SEMICOLON = RowFormat(text_columns=("body",), label_column="kind", encoding="cp1252", delimiter=";")


def file_of(path, own=SEMICOLON, labels=TWO, **asked):
    return RowFile(path, labels, Reading(**asked), own)


@pytest.fixture
def write(tmp_path):
    def write(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return path

    return write


class TestAsTheRun:
    def test_delimiter_and_encoding_are_those_of_the_run(self, write):
        file = file_of(write("a.csv", "body;kind\ncafé, noir;x\n", "cp1252"))

        assert [{"body": "café, noir", "kind": "x"}] == [dict(row.values) for row in file.rows()]
        assert "texts in 'body', labels in 'kind', delimiter ';', encoding cp1252" in file.about(
            ["body", "kind"], labelled=True
        )

    def test_options_come_first(self, write):
        file = file_of(write("a.csv", "body,kind\ncafé,x\n"), delimiter=",", encoding="utf-8")

        assert [{"body": "café", "kind": "x"}] == [dict(row.values) for row in file.rows()]

    def test_tsv_has_tabs_whatever_the_run_had(self, write):
        assert [{"body": "a;b"}] == [dict(row.values) for row in file_of(write("a.tsv", "body\na;b\n")).rows()]
        assert "\t" == file_of(write("b.tsv", "body\n")).delimiter

    def test_what_predict_wrote_is_read_as_it_wrote_it(self, write):
        file = file_of(write("a.csv", "label,score,p_NEGATIVE,p_POSITIVE,body\nPOSITIVE,1,0,1,'=é\n"))

        assert ["=é"] == [row.values["body"] for row in file.rows()]
        assert file.about(["body"]).endswith("delimiter ',', encoding utf-8")

    def test_a_wrong_delimiter_is_told_before_a_row_with_too_many_fields(self, write):
        with pytest.raises(DataError, match="seem to be separated by ','"):
            list(file_of(write("a.csv", "body,kind\na;b,c\n")).rows())

    def test_jsonl_and_text_have_neither(self, write):
        file = file_of(write("a.jsonl", '{"body": "a;b"}\n'))

        assert [{"body": "a;b"}] == [dict(row.values) for row in file.rows()]
        assert file.about(["body"]).endswith("texts in 'body'")

    def test_what_a_run_says_of_its_data_is_checked(self, baseline, write):
        classifier = clsfw.load(baseline.directory)
        broken = replace(classifier, record={**classifier.record, "data": {"rows": {"empty_text": "sometimes"}}})

        with pytest.raises(RunDirectoryError, match=r"run\.json: data\.rows"):
            RowFile.of(broken, write("a.csv", "text\n"), Reading())


class TestColumns:
    @pytest.mark.parametrize(
        ("header", "asked", "said"),
        [
            ("id,text", {}, "no column 'body'; the columns are 'id,text'; they seem to be separated by ','"),
            ("text\tkind", {}, "they seem to be separated by '\\\\t': say so by --delimiter"),
            (
                "id;corpus",
                {},
                "no column 'body'; the columns are 'id', 'corpus'; say which one holds the texts by --text",
            ),
            ("id;corpus", {"text_columns": ("bodi",)}, "no column 'bodi'; the columns are 'id', 'corpus'$"),
        ],
    )
    def test_a_header_without_the_texts_is_an_error(self, header, asked, said, write):
        file = file_of(write("a.csv", f"{header}\nx\n"), **asked)

        with pytest.raises(DataError, match=said):
            file.text_columns(header.split(";"))

    def test_the_only_column_is_taken_where_no_delimiter_is_in_sight(self, write):
        path = write("a.csv", "review\nfine\n")

        assert ("review",) == file_of(path).text_columns(["review"])
        assert ("a,b",) == file_of(path, text_columns=("a,b",)).text_columns(["a,b"])

    def test_the_only_column_may_hold_the_runs_own(self, write):
        own = RowFormat(text_columns=("meta.title",))
        file = file_of(write("a.jsonl", '{"meta": {"title": "fine"}}\n'), own)

        assert ("meta.title",) == file.text_columns(["meta"])

    def test_another_column_is_not_taken_for_the_runs_own_because_it_is_called_text(self, write):
        file = file_of(write("a.csv", "text;label\n"))

        with pytest.raises(DataError, match="no column 'body'; the columns are 'text', 'label'; say which one"):
            file.text_columns(["text", "label"])

    def test_the_column_of_labels_may_be_called_label(self, write):
        assert file_of(write("a.csv", "body;label\n")).label_column(["body", "label"]) == "label"


class TestLabels:
    SEVERAL = Labels(("a|b", "c"), multi_label=True)

    def read(self, cell, own, labels):
        return LabelReader(file_of(Path("nowhere.csv"), own, labels)).read([Row(2, {"label": cell})], "label")

    def test_values_of_the_data_stand_for_names(self):
        assert [1] == self.read("pos", RowFormat(labels={"neg": "NEGATIVE", "pos": "POSITIVE"}), TWO)
        assert [1] == self.read("POSITIVE", RowFormat(labels={"neg": "NEGATIVE", "pos": "POSITIVE"}), TWO)

    @pytest.mark.parametrize("cell", ["a|b;c", r"a\|b|c", ["a|b", "c"]])
    def test_several_labels_as_the_run_had_them_or_as_clsfw_writes_them(self, cell):
        assert [[0, 1]] == self.read(cell, RowFormat(label_separator=";"), self.SEVERAL)

    def test_an_unknown_label_is_an_error(self):
        with pytest.raises(DataError, match=r"does not know the label 'a\|b\|c'"):
            self.read("a|b|c", RowFormat(label_separator=";"), self.SEVERAL)

    def test_what_predict_wrote_is_split_as_it_wrote_it(self, write):
        labels = Labels(("a", "b", "a|b"), multi_label=True)
        file = file_of(
            write("a.csv", "label,p_a,p_b,p_a|b,text\na|b,1,1,0,x\na\\|b,0,0,1,y\n"),
            RowFormat(label_separator=";", delimiter=";"),
            labels,
        )

        assert [[0, 1], [2]] == LabelReader(file).read(list(file.rows()), "label")


class TestBlankTexts:
    @pytest.fixture
    def classifier(self, baseline):
        return clsfw.load(baseline.directory)

    def loaded(self, classifier, empty_text):
        return replace(classifier, record={**classifier.record, "data": {"rows": {"empty_text": empty_text}}})

    def test_they_are_dropped_and_counted_as_in_the_run(self, classifier, write, reporter):
        path = write("a.csv", "text,label\ngood,POSITIVE\n ,NEGATIVE\nbad,NEGATIVE\n")

        found = evaluate_file(self.loaded(classifier, "drop"), path, reporter=reporter)

        assert 2 == len(b"".join(found.predictions).splitlines()) - 1
        assert any("dropped 1 rows with a blank text" in note for note in reporter.notes)

    def test_or_refused_with_their_line(self, classifier, write, reporter):
        path = write("a.csv", "text,label\ngood,POSITIVE\n ,NEGATIVE\n")

        with pytest.raises(DataError, match=r"a\.csv:3: the text is blank"):
            evaluate_file(self.loaded(classifier, "error"), path, reporter=reporter)


NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), min_size=1, max_size=8)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@st.composite
def predicted(draw):
    """Draw rows of texts with one other column, and decisions over classes of any names."""
    names = draw(st.lists(NAME, min_size=2, max_size=4, unique=True))
    texts = draw(st.lists(TEXTS, min_size=1, max_size=4))
    several = draw(st.booleans())
    rows = [Row(i, {"text": text, "more": draw(TEXTS)}) for i, text in enumerate(texts)]
    labels = Labels(tuple(names), multi_label=several)
    cells = st.integers(0, 1)
    matrix = np.array([[draw(cells) for _ in names] for _ in texts], np.int64)
    decisions = matrix if several else np.array([draw(st.integers(0, len(names) - 1)) for _ in texts], np.int64)
    return labels, Predicted(rows, np.zeros((len(texts), len(names)), np.float32), decisions)


def written(path, labels, chunk):
    columns = Columns.of(labels, names_of(chunk.rows))
    if path.suffix == ".parquet":
        write_parquet(path, path.with_suffix(".jsonl"), labels, iter([chunk]))
    else:
        path.write_bytes(
            csv_bytes(columns, chunk, header=True, raw=False) if path.suffix == ".csv" else jsonl_bytes(columns, chunk)
        )


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(predicted())
def test_what_predict_writes_is_read_back(tmp_path, suffix, given_):
    labels, chunk = given_
    path = tmp_path / f"out{suffix}"
    written(path, labels, chunk)
    file = RowFile(path, labels)

    rows = list(file.rows())
    columns = names_of(rows)
    label = file.label_column(columns)

    assert [row.values["text"] for row in chunk.rows] == file.texts(rows, file.text_columns(columns))
    ids = LabelReader(file).read(rows, label)
    if labels.multi_label:
        ids = [[int(i in found) for i in range(len(labels.names))] for found in ids]
    assert chunk.decisions.tolist() == ids


def test_numbers_that_json_cannot_hold_are_null(baseline, tmp_path, reporter):
    pq.write_table(
        pa.table({"text": ["good"], "n": [float("nan")], "m": [[1.0, float("inf")]]}), tmp_path / "a.parquet"
    )

    predict_file(clsfw.load(baseline.directory), Job(tmp_path / "a.parquet", tmp_path / "out.jsonl"), reporter)

    row = json.loads((tmp_path / "out.jsonl").read_text(), parse_constant=pytest.fail)
    assert (None, [1.0, None]) == (row["n"], row["m"])


class TestRowsOfTraining:
    @pytest.fixture
    def run(self, baseline, tmp_path):
        shutil.copytree(baseline.directory, tmp_path / "run")
        return tmp_path / "run"

    def file(self, root, tmp_path, rows):
        lines = (root / "recipes" / "quickstart.csv").read_text(encoding="utf-8").splitlines()
        (tmp_path / "a.csv").write_text("\n".join(lines[: rows + 1]) + "\n", encoding="utf-8")
        return tmp_path / "a.csv"

    def test_the_run_s_own_rows_are_counted_and_told(self, run, root, tmp_path, reporter):
        found = evaluate_file(clsfw.load(run), self.file(root, tmp_path, 400), reporter=reporter)

        rows = found.metrics["leaks"]["test_without_leaks"]["leaked_rows"]
        assert rows > 200
        assert any(f"{rows:,} of 400 given rows" in warning for warning in reporter.warnings)

    def test_a_list_of_hashes_that_is_none_is_refused(self, run, root, tmp_path, reporter):
        classifier = clsfw.load(run)
        (run / "seen_texts.npy").write_bytes(b"\x93NUMPY nothing")

        with pytest.raises(RunDirectoryError, match=r"seen_texts\.npy"):
            evaluate_file(classifier, self.file(root, tmp_path, 4), reporter=reporter)
