"""A table gives what a data set of the same file gives, and is one for whoever needs more."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from clsfw.contract.parts import Labels
from clsfw.errors import PluginError
from clsfw.kit.data import check_rows, labels_of, parts_of, take
from clsfw.kit.labels import label_counts, references
from clsfw.kit.pairs import fingerprint, texts_of
from clsfw.kit.table import Table

ONE = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"]), "row": Value("int64")})
SEVERAL = Features({"text": Value("string"), "label": List(ClassLabel(names=["no", "yes"]))})
CHOSEN = (
    range(10),
    range(3, 8),
    range(0),
    np.array([9, 0, 4, 5]),
    np.array([], np.int32),
    np.array([7, 7, 2], np.int32),
)


@pytest.fixture
def file(tmp_path):
    """Give a file of ten rows in batches of three."""
    columns = {"text": [f"text {i}" for i in range(10)], "label": [i % 2 for i in range(10)], "row": list(range(10))}
    return written(tmp_path / "data.arrow", ONE, columns)


def written(path, features, columns):
    table = pa.table(columns, schema=features.arrow_schema)
    with pa.OSFile(str(path), "wb") as out, pa.ipc.new_stream(out, table.schema) as sink:
        for batch in table.to_batches(max_chunksize=3):
            sink.write_batch(batch)
    return path


@pytest.mark.parametrize("rows", CHOSEN, ids=str)
def test_chosen_rows_are_those_of_a_data_set(file, rows):
    ours, theirs = Table(file).select(rows), Dataset.from_file(str(file)).select(rows)

    assert theirs["text"][:] == ours["text"][:] == list(ours["text"])
    assert theirs["label"][1:3] == ours["label"][1:3]
    assert fingerprint(theirs) == fingerprint(ours)
    assert theirs.to_dict() == ours.to_dict()
    assert [batch["row"] for batch in theirs.iter(batch_size=2)] == [batch["row"] for batch in ours.iter(batch_size=2)]


@pytest.mark.parametrize("first", CHOSEN[1:4:2], ids=str)
@pytest.mark.parametrize("second", [range(1, 3), np.array([3, 0])], ids=str)
def test_rows_of_rows_are_counted_within_them(file, first, second):
    ours, theirs = Table(file).select(first).select(second), Dataset.from_file(str(file)).select(first).select(second)

    assert theirs["row"][:] == ours["row"][:] == ours.dataset()["row"][:]
    assert theirs["text"][-1] == ours["text"][-1] == ours["text"][np.int64(1)]


def odd(folder, columns, **options):
    """Write a table in batches of three rows, the second of which is empty."""
    table = pa.table(columns)
    first, *others = table.to_batches(max_chunksize=3)
    written_so = pa.ipc.IpcWriteOptions(**options)
    with (
        pa.OSFile(str(folder / "odd.arrow"), "wb") as out,
        pa.ipc.new_stream(out, table.schema, options=written_so) as sink,
    ):
        for batch in (first, first.slice(0, 0), *others):
            sink.write_batch(batch)
    return folder / "odd.arrow"


ORDER = np.array([6, 0, 3, 3, 5, 1, 6, 4, 2])
COLUMNS = {
    "text": ["", "ä", "a longer text", "", "x\ny", "𝄞", "z" * 5000],
    "label": [1, -(2**40), 3, 0, 5, 2**62, 7],
    "long": pa.array(["a", "", "c", "d", "", "ff", "g"], pa.large_string()),
    "none": [""] * 7,
    "several": [[1, 2], [], [3], [4], [5], [2**40, -7], []],
    "no label": pa.array([[]] * 7, pa.list_(pa.int64())),
}
UNUSUAL = {
    "gaps": [1, None, 3, 4, 5, 6, 7],
    "no text": ["a", None, "", "d", "e", "f", "g"],
    "small": pa.array(range(7), pa.int8()),
    "flag": [True, False, True, True, False, False, True],
    "gaps in lists": [[1, None], [], [3], [4], [5], [6, 7], []],
    "names": [["a"], [], ["b"], ["c"], ["d", "e"], [], []],
    "share": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
}


@pytest.mark.parametrize("options", [{}, {"compression": "zstd"}], ids=["plain", "compressed"])
def test_rows_in_any_order_are_gathered_from_where_they_lie(tmp_path, options):
    table = Table(odd(tmp_path, {**COLUMNS, **UNUSUAL}, **options)).select(ORDER)
    whole = pa.table({**COLUMNS, **UNUSUAL})

    found = table.read(0, len(ORDER), whole.column_names)

    assert whole.take(pa.array(ORDER)).to_pydict() == found.to_pydict()
    assert whole.schema == found.schema
    found.validate(full=True)
    mapped = {name for name in whole.column_names if table._place(name) is not None}
    assert (set() if options else set(COLUMNS)) == mapped


def test_texts_too_long_for_one_array_are_taken_by_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setattr("clsfw.kit.gathering._MOST", 100)
    table = Table(odd(tmp_path, COLUMNS)).select(ORDER)

    assert [COLUMNS["text"][i] for i in ORDER] == table["text"][:]


def test_a_table_without_batches_has_no_rows(tmp_path):
    schema = pa.schema({"text": pa.string()})
    with pa.OSFile(str(tmp_path / "none.arrow"), "wb") as out, pa.ipc.new_stream(out, schema):
        pass

    assert [] == Table(tmp_path / "none.arrow").select(np.array([], np.int64))["text"][:]


def test_rows_in_a_row_need_no_list_of_them(file):
    assert isinstance(take(Table(file), np.array([4, 5, 6]))._chosen, range)
    assert ["text 6", "text 4"] == take(Table(file), np.array([6, 4]))["text"][:]


@pytest.mark.parametrize("rows", [range(8, 11), np.array([-1]), np.array([10])], ids=str)
def test_rows_that_are_not_there_are_refused_as_by_a_data_set(file, rows):
    with pytest.raises((IndexError, OverflowError)):
        Table(file).select(rows)


def test_what_it_has_not_a_data_set_answers(file):
    table = Table(file).select(range(2, 5))

    assert {"text": "text 3", "label": 1, "row": 3} == table[1]
    assert [3, 4, 5] == table.map(lambda row: {"row": row["row"] + 1})["row"][:]
    assert "yes" == table.features["label"].int2str(1)
    assert [2, 3, 4] == [row["row"] for row in table]
    assert isinstance(table, Dataset)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        table.nothing_like_it  # noqa: B018  # to ask is the test


def test_a_format_is_kept_once_it_is_set_and_stays_with_its_copy(file):
    table = Table(file)
    other = copy.copy(table)
    other.set_format("numpy")

    assert isinstance(other["row"][:], np.ndarray)
    assert isinstance(table["row"][:], list)


def test_another_process_gets_a_data_set_whose_rows_stay_on_disk(file):
    sent = pickle.dumps(Table(file).select(range(4)))

    assert ["text 0", "text 1", "text 2", "text 3"] == pickle.loads(sent)["text"][:]
    assert len(sent) < 5_000


def test_classes_and_labels_are_read_as_of_a_data_set(tmp_path, file):
    columns = {"text": ["a", "b", "c"], "label": [[0, 1], [], [1]]}
    several = written(tmp_path / "several.arrow", SEVERAL, columns)

    for path, labels in ((file, Labels(("no", "yes"))), (several, Labels(("no", "yes"), multi_label=True))):
        ours, theirs = parts_of(path, "the test")["train"], Dataset.from_file(str(path))
        assert labels == labels_of(path, "the test") == labels_of(theirs, "the test")
        check_rows(ours, labels, "the test")
        assert label_counts(theirs, labels) == label_counts(ours, labels)
        assert references(theirs, labels).tolist() == references(ours, labels).tolist()
        assert list(texts_of(theirs)) == list(texts_of(ours))


@pytest.mark.parametrize(
    ("features", "columns", "message"),
    [
        (Features({"text": Value("string")}), {"text": ["a"]}, "the data has no column 'label'"),
        (Features({**ONE, "text": Value("int64")}), {"text": [1], "label": [0], "row": [0]}, "must hold strings"),
        (Features({**ONE, "label": Value("int64")}), {"text": ["a"], "label": [0], "row": [0]}, "must be a ClassLabel"),
    ],
)
def test_columns_that_are_not_as_agreed_are_told_as_of_a_data_set(tmp_path, features, columns, message):
    with pytest.raises(PluginError, match=message):
        labels_of(written(tmp_path / "odd.arrow", features, columns), "the test")


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("text", ["a", None], "row 1 has no text"),
        ("label", [0, 2], "the label of row 1 is 2"),
        ("row", [1, None], "column 'row' must hold different int64 numbers from 0"),
        ("row", [1, 1], "column 'row' must hold different int64 numbers from 0"),
    ],
)
def test_rows_that_are_not_as_agreed_are_found(tmp_path, column, values, message):
    columns = {"text": ["a", "b"], "label": [0, 1], "row": [0, 1], column: values}
    path = written(tmp_path / "odd.arrow", ONE, columns)

    with pytest.raises(PluginError, match=message):
        check_rows(parts_of(path, "the test")["train"], Labels(("no", "yes")), "the test")


@pytest.mark.parametrize("content", [None, b"", b"text,label\na,0\n"], ids=["missing", "empty", "csv"])
def test_a_path_of_something_else_is_the_plugins_fault(tmp_path, content):
    if content is not None:
        (tmp_path / "data.arrow").write_bytes(content)

    with pytest.raises(PluginError, match=r"plugin x: the data source gave .*data\.arrow, which is not an Arrow file"):
        parts_of(tmp_path / "data.arrow", "plugin x")
