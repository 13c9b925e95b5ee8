"""A file is labelled whole or not at all, cut outputs go on, and no chunk's size shows in the result."""

from __future__ import annotations

import csv
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import clsfw
from clsfw import DataError, HostError, LockedError, UsageError
from clsfw.inference import chunks as predicting
from clsfw.inference import predict_file as module
from clsfw.inference.chunks import lines_as_they_come
from clsfw.inference.predict_file import Job, predict_file
from clsfw.inference.reading import Reading
from clsfw.kit.lock import locked
from clsfw.kit.rows import Row

TEXTS = ["a wonderful film", "dull and\nlong", "=1+1", "", 'said "no", twice', "gut \N{SNOWMAN}", "last"]


@pytest.fixture(scope="module")
def classifier(baseline):
    return clsfw.load(baseline.directory)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows([f"@{i}", text, "x"] for i, text in enumerate(TEXTS))
    return path


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(predicting, "ROWS", 2)


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class TestOutput:
    def test_csv_has_the_answers_and_then_the_input_s_columns(self, classifier, source, tmp_path, reporter):
        done = predict_file(classifier, Job(source, tmp_path / "out.csv"), reporter)
        rows = read_csv(tmp_path / "out.csv")

        assert ["label", "score", "p_NEGATIVE", "p_POSITIVE", "id", "text", "input_label"] == list(rows[0])
        assert [answer["label"] for answer in classifier(TEXTS)] == [row["label"] for row in rows]
        assert [answer["score"] for answer in classifier(TEXTS)] == [float(row["score"]) for row in rows]
        assert len(TEXTS) == done.rows == sum(done.labels.values())

    def test_csv_cells_that_a_spreadsheet_would_run_are_made_safe(self, classifier, source, tmp_path, reporter):
        predict_file(classifier, Job(source, tmp_path / "safe.csv"), reporter)
        predict_file(classifier, Job(source, tmp_path / "raw.csv", raw=True), reporter)

        assert ("'=1+1", "'@2") == tuple(read_csv(tmp_path / "safe.csv")[2][key] for key in ("text", "id"))
        assert TEXTS == [row["text"] for row in read_csv(tmp_path / "raw.csv")]

    def test_jsonl_keeps_types_and_optional_keys(self, classifier, tmp_path, reporter):
        rows = [{"text": "fine", "n": 1}, {"text": "dull", "tags": ["a"], "p_POSITIVE": None}]
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "out.jsonl"), reporter)
        first, second = read_jsonl(tmp_path / "out.jsonl")

        assert ["label", "score", "p_NEGATIVE", "p_POSITIVE", "text", "n"] == list(first)
        assert (classifier("fine")["score"], 1) == (first["score"], first["n"])
        assert (["a"], None) == (second["tags"], second["input_p_POSITIVE"])

    def test_parquet_keeps_the_types_of_parquet(self, classifier, tmp_path, reporter, small_chunks):
        table = pa.table({"text": TEXTS, "n": pa.array(range(len(TEXTS)), pa.int16())})
        pq.write_table(table, tmp_path / "in.parquet")
        predict_file(classifier, Job(tmp_path / "in.parquet", tmp_path / "out.parquet"), reporter)
        out = pq.read_table(tmp_path / "out.parquet")

        assert table.column("n") == out.column("n")
        assert [answer["label"] for answer in classifier(TEXTS)] == out.column("label").to_pylist()
        assert pa.float32() == out.schema.field("p_POSITIVE").type

    def test_txt_gives_one_label_a_line(self, classifier, tmp_path, reporter):
        (tmp_path / "in.txt").write_text("fine\n\ndull")
        predict_file(classifier, Job(tmp_path / "in.txt", tmp_path / "out.txt"), reporter)

        assert [a["label"] for a in classifier(["fine", "", "dull"])] == (tmp_path / "out.txt").read_text().split()

    def test_true_and_false_of_jsonl_are_cells_of_csv(self, classifier, tmp_path, reporter):
        (tmp_path / "in.jsonl").write_text('{"text": "one", "old": true}\n{"text": "two", "old": false}\n')
        predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "out.csv"), reporter)

        assert ["true", "false"] == [row["old"] for row in read_csv(tmp_path / "out.csv")]

    def test_several_labels_stand_in_one_csv_cell_and_in_a_json_list(self, topics, tmp_path, reporter):
        classifier = clsfw.load(topics.directory)
        (tmp_path / "in.txt").write_text("ball goal goal soup oven salt\n")
        for kind in ("csv", "jsonl"):
            predict_file(classifier, Job(tmp_path / "in.txt", tmp_path / f"out.{kind}"), reporter)

        assert r"a\|b|sport" == read_csv(tmp_path / "out.csv")[0]["label"]
        assert ["a|b", "sport"] == read_jsonl(tmp_path / "out.jsonl")[0]["label"]
        assert ["label", "p_a|b", "p_music", "p_sport", "text"] == list(read_csv(tmp_path / "out.csv")[0])

    def test_a_lone_carriage_return_reads_back(self, classifier, tmp_path, reporter):
        (tmp_path / "in.jsonl").write_text(json.dumps({"text": "one\rtwo"}))
        predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "a.csv"), reporter)
        predict_file(classifier, Job(tmp_path / "a.csv", tmp_path / "b.csv"), reporter)

        assert ["one\rtwo"] == [row["text"] for row in read_csv(tmp_path / "b.csv")]

    def test_no_rows_give_a_header_alone(self, classifier, tmp_path, reporter):
        (tmp_path / "in.csv").write_text("text\n")
        done = predict_file(classifier, Job(tmp_path / "in.csv", tmp_path / "out.csv"), reporter)

        assert "label,score,p_NEGATIVE,p_POSITIVE\n" == (tmp_path / "out.csv").read_text()
        assert 0 == done.rows

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
    def test_the_size_of_a_chunk_does_not_show(self, kind, classifier, source, tmp_path, reporter, monkeypatch):
        predict_file(classifier, Job(source, tmp_path / f"a.{kind}"), reporter)
        monkeypatch.setattr(predicting, "ROWS", 3)
        predict_file(classifier, Job(source, tmp_path / f"b.{kind}"), reporter)

        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()

    def test_a_chunk_of_long_texts_ends_early(self, monkeypatch):
        monkeypatch.setattr(predicting, "BYTES", 10)
        rows = [Row(i, {"text": "x" * 6}) for i in range(5)]

        assert [2, 2, 1] == [len(chunk) for chunk in predicting.chunks(rows)]

    @pytest.mark.parametrize(
        "value", [[0.5] * 2000, {"deep": {"down": [1] * 2000}}, [[1] * 1000, [2] * 1000], ["x" * 32] * 2000]
    )
    def test_a_chunk_is_bounded_by_all_that_its_rows_hold(self, value, monkeypatch):
        monkeypatch.setattr(predicting, "BYTES", 3 * 32 * 2000)

        assert [3, 1] == [len(c) for c in predicting.chunks(Row(i, {"text": "", "more": value}) for i in range(4))]


class TestPlaces:
    def test_a_second_process_is_refused_while_the_first_writes(self, classifier, source, tmp_path, reporter):
        job = Job(source, tmp_path / "out.csv")
        with (
            locked(job.target, job.lock),
            pytest.raises(LockedError, match=r"out\.csv is in use by process \d+ .*--output"),
        ):
            predict_file(classifier, job, reporter)

        assert len(TEXTS) == predict_file(classifier, job, reporter).rows
        assert ["in.csv", "out.csv"] == sorted(path.name for path in tmp_path.iterdir())

    def test_a_directory_is_refused_before_anything_is_predicted(self, classifier, source, tmp_path, reporter):
        (tmp_path / "out.csv").mkdir()
        with pytest.raises(UsageError, match="is a directory"):
            predict_file(classifier, Job(source, tmp_path / "out.csv"), reporter)

        assert ["in.csv", "out.csv"] == sorted(path.name for path in tmp_path.iterdir())

    def test_a_name_too_long_for_the_files_beside_it_is_one_message(self, classifier, source, tmp_path, reporter):
        with pytest.raises(HostError, match="file name too long; choose a shorter path"):
            predict_file(classifier, Job(source, tmp_path / f"{'x' * 246}.csv"), reporter)

    def test_an_input_that_is_refused_leaves_nothing(self, classifier, tmp_path, reporter):
        (tmp_path / "in.jsonl").write_text("no JSON\n")
        with pytest.raises(DataError, match="not JSON"):
            predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "out.jsonl"), reporter)

        assert ["in.jsonl"] == [path.name for path in tmp_path.iterdir()]


class StoppedError(RuntimeError):
    """What cuts a run short in these tests."""


class TestCutOutputs:
    @pytest.fixture
    def cut(self, classifier, source, reporter, monkeypatch, small_chunks):
        """Give a function that labels the source and is cut in its third chunk, at a place of the test's choice."""

        def cut(job, *, after_write):
            real, count = module.files.append, 0

            def append(path, data):
                nonlocal count
                count += 1
                if count == 3:
                    real(path, data if after_write else data[: len(data) // 2])
                    raise StoppedError
                real(path, data)

            with monkeypatch.context() as patch:
                patch.setattr(module.files, "append", append)
                with pytest.raises(StoppedError):
                    predict_file(classifier, job, reporter)

        return cut

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "txt"])
    @pytest.mark.parametrize("after_write", [False, True])
    def test_the_same_call_goes_on_and_ends_with_the_same_bytes(
        self, kind, after_write, cut, classifier, source, tmp_path, reporter
    ):
        predict_file(classifier, Job(source, tmp_path / f"whole.{kind}"), reporter)
        job = Job(source, tmp_path / f"out.{kind}")
        cut(job, after_write=after_write)

        assert not job.target.exists()
        done = predict_file(classifier, job, reporter)
        assert (tmp_path / f"whole.{kind}").read_bytes() == job.target.read_bytes()
        assert len(TEXTS) == done.rows
        assert f"going on after 4 rows that {job.partial} holds already" == reporter.notes[-1]
        assert not job.partial.exists()
        assert not job.journal.exists()

    def test_rows_that_are_done_are_not_predicted_again(self, cut, classifier, source, tmp_path, reporter, monkeypatch):
        job = Job(source, tmp_path / "out.csv")
        cut(job, after_write=True)
        seen = []
        predict = module.predict_chunk
        monkeypatch.setattr(
            module, "predict_chunk", lambda c, rows, *rest: seen.extend(rows) or predict(c, rows, *rest)
        )
        predict_file(classifier, job, reporter)

        assert TEXTS[4:] == [row.values["text"] for row in seen]

    def test_another_input_run_or_option_is_refused(self, cut, classifier, source, topics, tmp_path, reporter):
        job = Job(source, tmp_path / "out.csv")
        cut(job, after_write=True)
        before = job.partial.read_bytes()
        with pytest.raises(UsageError, match="beginning of another output"):
            predict_file(classifier, Job(source, job.target, raw=True), reporter)
        with pytest.raises(UsageError, match="beginning of another output"):
            predict_file(clsfw.load(topics.directory), job, reporter)
        source.write_text(source.read_text() + "@8,more,x\n")
        with pytest.raises(UsageError, match="beginning of another output"):
            predict_file(classifier, job, reporter)

        assert before == job.partial.read_bytes()

    def test_a_partial_file_of_somebody_else_is_refused(self, classifier, source, tmp_path, reporter):
        (tmp_path / "out.csv.partial").write_text("mine")

        with pytest.raises(UsageError, match="remove it, or give another --output"):
            predict_file(classifier, Job(source, tmp_path / "out.csv"), reporter)
        assert "mine" == (tmp_path / "out.csv.partial").read_text()

    def test_two_at_work_on_one_output_is_noticed(
        self, classifier, source, tmp_path, reporter, monkeypatch, small_chunks
    ):
        job = Job(source, tmp_path / "out.csv")
        real = module.files.append
        monkeypatch.setattr(module.files, "append", lambda path, data: (real(path, data), real(path, b"theirs\n")))

        with pytest.raises(HostError, match="written by another process too"):
            predict_file(classifier, job, reporter)
        assert not job.target.exists()

    def test_a_cut_parquet_file_is_begun_anew(self, classifier, source, tmp_path, reporter):
        (tmp_path / "out.parquet.partial").write_bytes(b"PAR1 and no end")
        predict_file(classifier, Job(source, tmp_path / "out.parquet"), reporter)

        assert len(TEXTS) == pq.read_metadata(tmp_path / "out.parquet").num_rows

    def test_an_old_output_stays_until_the_new_one_is_whole(self, cut, classifier, source, tmp_path, reporter):
        job = Job(source, tmp_path / "out.csv")
        job.target.write_text("old")
        cut(job, after_write=True)

        assert "old" == job.target.read_text()
        predict_file(classifier, job, reporter)
        assert len(TEXTS) == len(read_csv(job.target))


class TestMistakes:
    def test_a_row_without_text_is_named(self, classifier, tmp_path, reporter):
        (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": null}\n')

        with pytest.raises(DataError, match=r"in\.jsonl:2: no text in column 'text'"):
            predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "out.csv"), reporter)

    def test_a_column_that_is_not_there_is_named_with_those_that_are(self, classifier, source, tmp_path, reporter):
        source.write_text("id,body\n1,fine\n")
        with pytest.raises(
            DataError, match=r"no column 'text'; the columns are 'id', 'body'; say which.*--text-column"
        ):
            predict_file(classifier, Job(source, tmp_path / "out.csv"), reporter)
        with pytest.raises(DataError, match=r"no column 'bodi'; the columns are 'id', 'body'$"):
            predict_file(classifier, Job(source, tmp_path / "out.csv", Reading(("bodi",))), reporter)

        assert 1 == predict_file(classifier, Job(source, tmp_path / "out.csv", Reading(("body",))), reporter).rows

    def test_a_key_that_comes_too_late_for_the_columns_is_named(self, classifier, tmp_path, reporter, small_chunks):
        rows = [{"text": "a"}, {"text": "b"}, {"text": "c", "late": 1}]
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

        with pytest.raises(DataError, match="record 3 has 'late'"):
            predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "out.csv"), reporter)

    def test_a_value_that_does_not_fit_its_parquet_column_is_named(self, classifier, tmp_path, reporter, small_chunks):
        rows = [{"text": "a", "n": 1}, {"text": "b", "n": 2}, {"text": "c", "n": "three"}]
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

        with pytest.raises(DataError, match=r"from record 3 on does not fit its column.*write JSONL instead"):
            predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "out.parquet"), reporter)

    @pytest.mark.parametrize(
        ("numbers", "words"),
        [([2**64], "'n' has a number that is too large for Parquet"), ([1, 2, 2**64], "record 3 on does not fit")],
    )
    def test_a_number_too_large_for_parquet_is_named(
        self, numbers, words, classifier, tmp_path, reporter, small_chunks
    ):
        (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": "a", "n": n}) + "\n" for n in numbers))

        with pytest.raises(DataError, match=f"{words}.*write JSONL instead"):
            predict_file(classifier, Job(tmp_path / "in.jsonl", tmp_path / "out.parquet"), reporter)

    def test_the_input_is_never_its_own_output(self, classifier, source, reporter):
        with pytest.raises(UsageError, match="is the input itself"):
            predict_file(classifier, Job(source, source), reporter)

    def test_an_unknown_kind_of_output_and_a_missing_input_are_named(self, classifier, source, tmp_path, reporter):
        with pytest.raises(UsageError, match=r"must end in \.csv"):
            predict_file(classifier, Job(source, tmp_path / "out.csv.gz"), reporter)
        with pytest.raises(DataError, match=r"gone\.csv: no such file"):
            predict_file(classifier, Job(tmp_path / "gone.csv", tmp_path / "out.csv"), reporter)


class TestLinesAsTheyCome:
    def test_lines_are_given_when_they_arrive_and_the_last_needs_no_end(self):
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as stream:
            lines = lines_as_they_come(stream)
            os.write(writing, b"one\r\ntwo\nthr")
            first = next(lines)
            os.write(writing, b"ee\n\nla")
            second = next(lines)
            os.write(writing, b"st")
            os.close(writing)

            assert [["one", "two"], ["three", ""], ["last"]] == [first, second, next(lines)]
            assert [] == list(lines)

    def test_a_line_that_is_no_utf8_is_named(self, tmp_path):
        (tmp_path / "in").write_bytes(b"fine\nca\xe9\n")

        with (tmp_path / "in").open("rb") as stream, pytest.raises(DataError, match="standard input:2: not UTF-8"):
            list(lines_as_they_come(stream))
