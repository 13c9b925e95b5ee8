"""`clsfw predict` labels texts, files and streams, and prints nothing that a terminal would obey."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest

import clsfw
from clsfw.cli import main


@pytest.fixture(scope="module")
def classifier(baseline):
    return clsfw.load(baseline.directory)


@pytest.fixture
def run(baseline):
    return str(baseline.directory)


@pytest.fixture
def stdin(monkeypatch):
    def give(content: bytes):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


class TestTexts:
    def test_each_text_gets_a_line(self, run, classifier, capsys):
        assert 0 == main(["predict", run, "a wonderful film", "dull"])

        lines = capsys.readouterr().out.splitlines()
        answers = classifier(["a wonderful film", "dull"])
        texts = ("a wonderful film", "dull")
        assert [f"{a['label']}\t{a['score']:.4f}\t{text}" for a, text in zip(answers, texts, strict=True)] == lines

    def test_json_for_texts_is_one_list(self, run, classifier, capsys):
        assert 0 == main(["predict", run, "a wonderful film", "dull", "--json"])

        expected = [{"text": text, **classifier(text)} for text in ("a wonderful film", "dull")]
        assert expected == json.loads(capsys.readouterr().out)

    def test_texts_may_come_after_an_option(self, run, classifier, capsys):
        assert 0 == main(["predict", run, "--json", "dull"])

        assert [{"text": "dull", **classifier("dull")}] == json.loads(capsys.readouterr().out)

    def test_nothing_that_a_terminal_obeys_is_printed(self, run, capsys):
        assert 0 == main(["predict", run, "red \x1b[31m\x9b and [link=x] \u202e turned\nover \udcff"])

        out = capsys.readouterr().out
        assert out.endswith("\tred [31m and [link=x]  turned over \N{REPLACEMENT CHARACTER}\n")

    def test_several_labels_are_joined(self, topics, capsys):
        assert 0 == main(["predict", str(topics.directory), "ball goal goal soup oven salt"])

        assert capsys.readouterr().out.startswith("a\\|b|sport\t0.")


class TestStreams:
    def test_each_line_of_standard_input_gets_a_line(self, run, classifier, stdin, capsys):
        stdin("fine\n\ndull \N{SNOWMAN}".encode())
        assert 0 == main(["predict", run, "--json"])

        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [{"text": text, **classifier(text)} for text in ("fine", "", "dull \N{SNOWMAN}")] == lines

    def test_a_line_is_answered_before_the_next_one_comes(self, run):
        with subprocess.Popen(
            [sys.executable, "-m", "clsfw", "predict", run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for text in ("fine", "dull"):
                process.stdin.write(f"{text}\n")
                process.stdin.flush()

                assert process.stdout.readline().endswith(f"\t{text}\n")
            process.stdin.close()

            assert 0 == process.wait()

    def test_a_line_that_is_no_utf8_is_exit_3(self, run, stdin, capsys):
        stdin(b"fine\nca\xe9\n")

        assert 3 == main(["predict", run])
        assert "standard input:2: not UTF-8" in capsys.readouterr().err


class TestFiles:
    def test_a_file_is_labelled_into_another(self, run, classifier, tmp_path, root, capsys):
        out = tmp_path / "out.csv"
        assert 0 == main(["predict", run, "--file", str(root / "recipes" / "quickstart.csv"), "--output", str(out)])

        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert classifier(rows[7]["text"])["label"] == rows[7]["label"]
        counts = [sum(row["label"] == name for row in rows) for name in ("NEGATIVE", "POSITIVE")]
        assert f"5,000 rows in {out}: NEGATIVE {counts[0]:,}, POSITIVE {counts[1]:,}\n" == capsys.readouterr().out

    def test_json_says_what_was_written(self, run, tmp_path, capsys):
        (tmp_path / "in.txt").write_text("fine\ndull\n")
        arguments = ["--file", str(tmp_path / "in.txt"), "--output", str(tmp_path / "out.jsonl"), "--json"]
        assert 0 == main(["predict", run, *arguments])

        said = json.loads(capsys.readouterr().out)
        assert (2, 2) == (said["rows"], sum(said["labels"].values()))

    def test_without_an_output_the_rows_are_printed(self, run, tmp_path, capsys):
        (tmp_path / "in.csv").write_text("id,body\n1,fine\n2,dull\n")
        assert 0 == main(["predict", run, "--file", str(tmp_path / "in.csv"), "--text-column", "body"])

        assert ["fine", "dull"] == [line.split("\t")[2] for line in capsys.readouterr().out.splitlines()]

    def test_ctrl_c_says_how_to_go_on(self, run, tmp_path, capsys, monkeypatch):
        from clsfw.inference import chunks as predicting
        from clsfw.inference import predict_file

        (tmp_path / "in.txt").write_text("fine\ndull\nlast\n")
        monkeypatch.setattr(predicting, "ROWS", 1)
        real = predict_file.predict_chunk

        def stop_at_the_third(classifier, rows, *rest):
            if rows[0].number == 3:
                raise KeyboardInterrupt
            return real(classifier, rows, *rest)

        monkeypatch.setattr(predict_file, "predict_chunk", stop_at_the_third)
        arguments = ["predict", run, "--file", str(tmp_path / "in.txt"), "--output", str(tmp_path / "out.csv")]

        assert 130 == main(arguments)
        assert f"2 rows are in {tmp_path / 'out.csv.partial'}; the same command goes on" in capsys.readouterr().err
        monkeypatch.setattr(predict_file, "predict_chunk", real)
        assert 0 == main(arguments)
        assert 4 == len((tmp_path / "out.csv").read_text().splitlines())


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["a text", "--file", "x.csv"], "give texts or --file, not both"),
            (["a text", "--output", "x.csv"], "--output goes with --file"),
        ],
    )
    def test_what_does_not_go_together_is_exit_2(self, arguments, said, run, capsys):
        assert 2 == main(["predict", run, *arguments])
        assert said in capsys.readouterr().err

    def test_what_is_no_run_is_exit_6(self, tmp_path, capsys):
        assert 6 == main(["predict", str(tmp_path), "fine"])
        assert "not a run directory" in capsys.readouterr().err

    def test_a_missing_file_is_exit_3(self, run, tmp_path, capsys):
        assert 3 == main(["predict", run, "--file", str(tmp_path / "gone.csv")])
        assert "gone.csv: no such file" in capsys.readouterr().err
