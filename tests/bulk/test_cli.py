"""`clsfw predict` into a folder of parts, and `clsfw evaluate` of several files, as a user gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clsfw.cli import main


@pytest.fixture
def folder(three, monkeypatch, tmp_path):
    three("jsonl")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def predict(baseline, folder):
    def call(*words):
        return main(["predict", str(baseline.directory), *words])

    return call


def test_a_pattern_goes_into_a_folder(predict, capsys):
    assert 0 == predict("--file", "in/*.jsonl", "--output", "out/")
    counts = capsys.readouterr().out.strip().rpartition(": ")
    assert "161 rows in out/ (3 parts)" == counts[0]

    assert 0 == predict("--file", "in/*.jsonl", "--output", "out/", "--json")
    found = json.loads(capsys.readouterr().out)
    labels = found.pop("labels")
    assert {"output": "out/", "rows": 161, "parts": 3, "errors": 0} == found
    assert 161 == sum(labels.values())


def test_broken_rows_are_counted(predict, capsys):
    with Path("in/b.jsonl").open("a") as file:
        file.write("broken\n")
    assert 3 == predict("--file", "in", "--output", "out/")
    assert "in/b.jsonl:2: not JSON" in capsys.readouterr().err
    assert 0 == predict("--file", "in", "--output", "out/", "--errors", "skip", "--format", "jsonl")

    assert "1 row was not labelled; out/_clsfw/errors.jsonl holds what is known of them" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--file", "in", "--output", "one.csv"],
            "in may be several files; give --output a folder, whose name ends in /",
        ),
        (["--file", "in"], "in may be several files; give --output a folder"),
        (["--file", "in/a.jsonl", "in/b.jsonl"], "not both; put a pattern in quotes, as in --file 'in/*.csv'"),
        (["--file", "in/a.jsonl", "--output", "a.csv", "--jobs", "2"], "--jobs is for a folder of parts; give one by"),
        (["--file", "in/a.jsonl", "--output", "a.csv", "--on", "ray"], "--on is for a folder of parts; give one by"),
        (
            ["--file", "in", "--output", "out/", "--threads", "2"],
            "--threads is for workers; give their number by --jobs",
        ),
        (["--file", "in", "--output", "out/", "--jobs", "0"], "0 is not a number from 1"),
        (["--file", "in", "--output", "out/", "--part-size", "0"], "0 is not a number of MiB up to 65,536"),
        (["--file", "in", "--output", "out/", "--on", "rey", "--jobs", "1"], "there is no executor 'rey'"),
    ],
)
def test_what_does_not_go_together(words, message, predict, capsys):
    assert 2 == predict(*words)
    assert message in capsys.readouterr().err


def test_several_files_are_scored_together(baseline, folder, capsys):
    rows = ['{"text": "a wonderful film", "label": "POSITIVE"}', '{"text": "dull", "label": "NEGATIVE"}'] * 20
    Path("few").mkdir()
    for name, some in (("all.jsonl", rows), ("few/1.jsonl", rows[:11]), ("few/2.jsonl", rows[11:])):
        Path(name).write_text("\n".join(some))
    found = []
    for data in ("all.jsonl", "few", "few/*.jsonl"):
        assert 0 == main(["evaluate", str(baseline.directory), "--data", data, "--json"])
        found.append(json.loads(capsys.readouterr().out))

    assert found[0] == found[1] == found[2]
