from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from clsfw.contract.parts import Labels, Prediction
from clsfw.errors import RunDirectoryError
from clsfw.evidence.leakage import hash_texts
from clsfw.evidence.predictions import predictions_csv, read_predictions

HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "-x",
    "@sum",
    "a|b\\c",
    'quote",comma',
    "new\nline",
    "old\rline",
    "'=x",
    "\ttab",
    "",
)


def written(labels, true, said, probabilities=None, rows=None):
    n, c = len(true), len(labels.names)
    probabilities = np.full((n, c), 1 / c, np.float32) if probabilities is None else probabilities
    prediction = Prediction(probabilities, np.arange(n) + 3, np.arange(n) % 2 == 1)
    rows = np.arange(n) + 10_000 if rows is None else rows
    hashes = hash_texts([f"text {row}" for row in rows]).exact
    given = predictions_csv(labels, rows, hashes, np.array(true), predictions=np.array(said), prediction=prediction)
    return b"".join(given).decode()


def test_columns_and_cells_are_as_documented():
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)
    text = written(Labels(("negative", "positive")), [1, 0], [1, 1], probabilities)
    assert text == (
        "row,gold,predicted,score,p_negative,p_positive,tokens,truncated,text_hash\n"
        "10000,positive,positive,0.75,0.25,0.75,3,false,f32e4727b82da470\n"
        "10001,negative,positive,0.0,1.0,0.0,4,true,0c834c874f18d762\n"
    )


def test_several_labels_stand_in_one_cell():
    text = written(Labels(("a", "b", "c"), multi_label=True), [[1, 0, 1], [0, 0, 0]], [[0, 1, 0], [1, 1, 1]])
    assert [line.split(",")[1:3] for line in text.splitlines()[1:]] == [["a|c", "b"], ["", "a|b|c"]]


def test_probabilities_read_back_as_the_same_float32(tmp_path):
    probabilities = np.random.default_rng(0).random((50, 2)).astype(np.float32) ** 8
    (tmp_path / "p.csv").write_text(written(Labels(("a", "b")), [0] * 50, [1] * 50, probabilities))
    assert (read_predictions(tmp_path / "p.csv").probabilities == probabilities).all()


@pytest.mark.parametrize("multi_label", [False, True])
def test_hostile_label_names_read_back(tmp_path, multi_label):
    names = HOSTILE if not multi_label else HOSTILE[:-1]
    eye = np.eye(len(names), dtype=np.int64)
    true = eye if multi_label else np.arange(len(names))
    said = np.ones_like(eye) if multi_label else true[::-1]
    text = written(Labels(names, multi_label), true, said)
    (tmp_path / "p.csv").write_text(text, encoding="utf-8", newline="")
    table = read_predictions(tmp_path / "p.csv")
    assert table.labels == names
    assert table.references.tolist() == true.tolist()
    assert table.predictions.tolist() == said.tolist()


def test_no_cell_begins_like_a_formula():
    names = HOSTILE[:-1]
    text = written(Labels(names), range(len(names)), range(len(names)))
    cells = [cell for line in csv.reader(io.StringIO(text, newline="")) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\0"))]


def test_a_lone_surrogate_in_a_name_can_be_written():
    assert "p_\ufffd" in written(Labels(("\ud800", "b")), [0], [1])


def test_right_says_for_each_row_whether_all_labels_are(tmp_path):
    text = written(Labels(("a", "b"), multi_label=True), [[1, 0], [1, 1], [0, 0]], [[1, 0], [1, 0], [0, 0]])
    (tmp_path / "p.csv").write_text(text)
    table = read_predictions(tmp_path / "p.csv")
    assert table.right.tolist() == [True, False, True]
    assert len(table) == 3


@pytest.mark.parametrize("multi_label", [False, True])
def test_many_rows_are_written_and_read_in_pieces(tmp_path, monkeypatch, multi_label):
    labels = Labels(("a", "b", "c"), multi_label)
    ids = np.array([0, 1, 2, 0, 1, 1, 2])
    said = np.triu(np.ones((3, 3), np.int64), 1)[ids] if multi_label else ids  # all but the first one, the last, none
    true = said[::-1]
    whole = written(labels, true, said)
    (tmp_path / "p.csv").write_text(whole)
    at_once = read_predictions(tmp_path / "p.csv")

    monkeypatch.setattr("clsfw.evidence.predictions._PIECE", 3)

    assert whole == written(labels, true, said)
    in_pieces = read_predictions(tmp_path / "p.csv")
    for name, column in vars(at_once).items():
        assert np.array_equal(column, getattr(in_pieces, name)), name
    assert said.tolist() == in_pieces.predictions.tolist()


@pytest.mark.parametrize(
    ("line", "message"),
    [("14,a,a,0.5\n", "record 6 has 4 fields"), ("14,a,zzz,0.5,0.5,0.5,3,false,0\n", "record 6: 'zzz' is not a label")],
)
def test_a_fault_in_a_later_piece_is_told_with_its_record(tmp_path, monkeypatch, line, message):
    monkeypatch.setattr("clsfw.evidence.predictions._PIECE", 3)
    (tmp_path / "p.csv").write_text(written(Labels(("a", "b")), [0] * 4, [1] * 4) + line)

    with pytest.raises(RunDirectoryError, match=message):
        read_predictions(tmp_path / "p.csv")


def test_an_empty_file_of_predictions_can_be_read(tmp_path):
    (tmp_path / "p.csv").write_text("row,gold,predicted,p_a,p_b,tokens,truncated,text_hash\n")
    assert len(read_predictions(tmp_path / "p.csv")) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"text,label\nx,y\n", "its columns are 'text', 'label'"),
        (
            b"row,gold,predicted,p_a,tokens,truncated,text_hash\n1,a,a,1.0,3\n",
            "record 2 has 5 fields, the header has 7",
        ),
        (
            b"row,gold,predicted,p_a,tokens,truncated,text_hash\n1,a,zzz,1.0,3,true,0\n",
            "'zzz' is not a label of the header",
        ),
        (b"row,gold,predicted,p_a,tokens,truncated,text_hash\nx,a,a,1.0,3,true,0\n", "invalid literal"),
        (b"row,gold,predicted,p_a,tokens,truncated,text_hash\n36893488147419103232,a,a,1.0,3,true,0\n", "too large"),
        (b"row,gold,predicted,tokens,truncated,text_hash\n1,a,a,3,true,0\n", "each label must have one column"),
        (b"row,gold,predicted,p_a,tokens,truncated\n1,a,a,1.0,3,true\n", "its columns are"),
        (b"\xff\xfe", "can't decode"),
    ],
)
def test_what_is_no_predictions_file_is_refused(tmp_path, content, message):
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(RunDirectoryError, match=message):
        read_predictions(tmp_path / "p.csv")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RunDirectoryError, match="cannot be read as predictions"):
        read_predictions(tmp_path / "p.csv")
