"""Many files become a folder of parts: whole and in order, or continued, or refused; never half and taken for whole."""

from __future__ import annotations

import gzip
import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.many_files import contents, parts, read_rows, write_rows

from clsfw import DataError, HostError, LockedError, UsageError
from clsfw.bulk import labeller
from clsfw.inference.predict_file import Job, predict_file
from clsfw.kit.lock import locked


class Killed(BaseException):
    """Stands for the end of the process."""


def meanwhile(monkeypatch, action):
    """Let something happen before each chunk of rows is labelled."""
    real = labeller.predict_chunk

    def acting(*arguments):
        action()
        return real(*arguments)

    monkeypatch.setattr(labeller, "predict_chunk", acting)


class TestContent:
    @pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
    def test_the_parts_in_order_hold_what_one_file_holds(self, kind, three, label, baseline, tmp_path, reporter):
        import clsfw

        folder, rows = three(kind)
        done = label(folder)
        write_rows(tmp_path / f"all.{kind}", rows)
        predict_file(clsfw.load(baseline.directory), Job(tmp_path / f"all.{kind}", tmp_path / f"one.{kind}"), reporter)
        written = [row for part in parts(tmp_path / "out") for row in read_rows(part)]

        assert read_rows(tmp_path / f"one.{kind}") == written
        assert len(rows) == done.rows == sum(done.labels.values())
        assert done.parts == len(parts(tmp_path / "out")) > 5

    @pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
    @pytest.mark.parametrize("wanted", ["parquet", "csv", "jsonl"])
    def test_the_kind_of_the_parts_can_be_chosen(self, kind, wanted, three, label, tmp_path):
        folder, rows = three(kind)
        label(folder, kind=wanted)
        written = [row for part in parts(tmp_path / "out") for row in read_rows(part)]

        assert {f".{wanted}"} == {part.suffix for part in parts(tmp_path / "out")}
        assert [str(row["id"]) for row in rows] == [str(row["id"]) for row in written]

    @pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
    def test_the_size_of_the_parts_does_not_show_in_their_rows(self, kind, three, label, tmp_path):
        folder, _ = three(kind)
        for size in (300, 5000):
            label(folder, tmp_path / f"{size}", part_bytes=size)
        small, large = ([r for part in parts(tmp_path / name) for r in read_rows(part)] for name in ("300", "5000"))

        assert small == large
        assert len(parts(tmp_path / "300")) > len(parts(tmp_path / "5000"))

    def test_one_file_a_pattern_and_a_folder_with_others_in_it(self, three, label, tmp_path, reporter):
        folder, rows = three("jsonl")
        (folder / "README.md").write_text("no rows")
        (folder / "_ours").mkdir()
        (folder / "_ours" / "x.jsonl").write_text('{"text": "hidden"}\n')
        (folder / "deep").mkdir()
        shutil.move(folder / "c.jsonl", folder / "deep" / "c.jsonl")

        assert len(rows) == label(folder, tmp_path / "1").rows
        assert 100 == label(folder / "a.jsonl", tmp_path / "2").rows
        assert 101 == label(folder / "*.jsonl", tmp_path / "3").rows
        assert len(rows) == label(f"{folder}/**/[a-c].jsonl", tmp_path / "4").rows
        assert f"{folder}: leaves out 2 files that hold no rows by their names" in reporter.notes

    def test_the_output_may_lie_in_the_folder_of_the_input(self, three, label):
        folder, rows = three("jsonl")
        for _ in range(2):
            assert len(rows) == label(folder, folder / "out").rows

    def test_compressed_files_are_one_part_each(self, three, label, tmp_path):
        folder, rows = three("csv")
        for path in sorted(folder.iterdir()):
            (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
        done = label(folder)

        assert (len(rows), 3) == (done.rows, done.parts)

    def test_plain_lines_become_json_lines(self, label, tmp_path):
        (tmp_path / "in.txt").write_text("fine\n\n" * 200)
        done = label(tmp_path / "in.txt", part_bytes=100)
        written = [row for part in parts(tmp_path / "out") for row in read_rows(part)]

        assert ["fine", ""] * 200 == [row["text"] for row in written]
        assert done.parts > 5

    @pytest.mark.parametrize(("encoding", "many"), [("utf-8", True), ("cp1252", True), ("utf-16", False)])
    def test_csv_is_cut_in_any_encoding_in_which_it_can_be(self, encoding, many, label, tmp_path):
        from clsfw.inference.reading import Reading

        rows = [f'{i};"caf\xe9\n{i}"' for i in range(200)]
        (tmp_path / "in.csv").write_text("\n".join(["id;text", *rows]), encoding=encoding)
        done = label(tmp_path / "in.csv", reading=Reading(delimiter=";", encoding=encoding), part_bytes=500)
        written = [row for part in parts(tmp_path / "out") for row in read_rows(part)]

        assert [f"caf\xe9\n{i}" for i in range(200)] == [row["text"] for row in written]
        assert many == (done.parts > 1)

    @pytest.mark.parametrize(("size", "expected"), [(16, 2), (32, 1)])
    def test_a_larger_part_has_more_rows_of_parquet(self, size, expected, label, tmp_path, monkeypatch):
        monkeypatch.setattr("clsfw.bulk.pieces.PART_ROWS", 50)
        pq.write_table(pa.table({"text": ["fine"] * 100}), tmp_path / "in.parquet")

        assert expected == label(tmp_path / "in.parquet", part_bytes=size * 2**20).parts

    def test_no_rows_give_a_part_with_the_columns_alone(self, label, tmp_path):
        pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "in.parquet")
        done = label(tmp_path / "in.parquet")

        assert (0, 1) == (done.rows, done.parts)
        names = pq.read_schema(parts(tmp_path / "out")[0]).names
        assert ["label", "score", "p_NEGATIVE", "p_POSITIVE", "text"] == names

    def test_several_labels_per_text(self, topics, label, tmp_path):
        (tmp_path / "in.txt").write_text("ball goal goal soup oven salt\n")
        label(tmp_path / "in.txt", run=topics.directory)

        assert ["a|b", "sport"] == read_rows(parts(tmp_path / "out")[0])[0]["label"]

    def test_the_manifest_says_what_is_there(self, three, label, tmp_path):
        from clsfw.kit.manifest import sha256

        folder, rows = three("jsonl")
        label(folder)
        found = json.loads((tmp_path / "out/_clsfw/manifest.json").read_text())

        assert [(p.name, sha256(p)) for p in parts(tmp_path / "out")] == [
            (part["name"], part["sha256"]) for part in found["parts"]
        ]
        assert len(rows) == found["rows"] == sum(part["rows"] for part in found["parts"])
        assert [str(path) for path in sorted(folder.iterdir())] == [file["name"] for file in found["inputs"]]

    def test_a_folder_of_parts_is_a_data_set_for_others(self, three, label, tmp_path):
        folder, rows = three("parquet")
        label(folder)

        assert len(rows) == pq.read_table(tmp_path / "out").num_rows


class TestGoingOn:
    @pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
    def test_a_cut_command_goes_on_and_ends_with_the_same_bytes(self, kind, three, label, tmp_path, monkeypatch):
        folder, _ = three(kind)
        label(folder, tmp_path / "whole")
        real, calls = labeller.predict_chunk, 0

        def cut(*arguments):
            nonlocal calls
            calls += 1
            if calls == 4:
                raise Killed
            return real(*arguments)

        monkeypatch.setattr(labeller, "predict_chunk", cut)
        with pytest.raises(Killed):
            label(folder)
        done = parts(tmp_path / "out")
        times = [path.stat().st_mtime_ns for path in done]

        assert not (tmp_path / "out/_clsfw/manifest.json").exists()
        assert 3 == len(done)
        label(folder)
        assert contents(tmp_path / "whole") == contents(tmp_path / "out")
        assert times == [path.stat().st_mtime_ns for path in done]

    def test_a_whole_output_is_not_made_again(self, three, label, tmp_path, monkeypatch):
        folder, rows = three("jsonl")
        label(folder)
        before = contents(tmp_path / "out")
        monkeypatch.setattr(labeller, "load_classifier", None)

        assert len(rows) == label(folder).rows
        assert before == contents(tmp_path / "out")

    @pytest.mark.parametrize("harm", ["removed", "shortened", "changed", "without proof", "proof damaged"])
    def test_a_part_that_is_not_proven_is_made_again(self, harm, three, label, tmp_path):
        folder, _ = three("jsonl")
        label(folder)
        before = contents(tmp_path / "out")
        part, proof = parts(tmp_path / "out")[1], tmp_path / "out/_clsfw/part-000001.json"
        data = part.read_bytes()
        if harm == "removed":
            part.unlink()
        elif harm == "shortened":
            part.write_bytes(data[:-1])
        elif harm == "changed":
            part.write_bytes(data.replace(b"0", b"1"))
        elif harm == "without proof":
            proof.unlink()
        else:
            proof.write_text("{")
        label(folder)

        assert before == contents(tmp_path / "out")

    def test_a_full_disk_is_one_message_and_the_same_command_goes_on(self, three, label, tmp_path, monkeypatch):
        from clsfw.kit import files

        folder, _ = three("jsonl")
        label(folder, tmp_path / "whole")
        real, calls = files.append, 0

        def full(path, data):
            nonlocal calls
            calls += 1
            if calls == 3:
                raise OSError(28, os.strerror(28))
            real(path, data)

        monkeypatch.setattr(files, "append", full)
        with pytest.raises(HostError, match=r"cannot write .*out/part-000002\.jsonl: the disk is full"):
            label(folder)
        label(folder)

        assert contents(tmp_path / "whole") == contents(tmp_path / "out")

    def test_what_a_kill_left_unfinished_is_removed(self, three, label, tmp_path):
        folder, _ = three("jsonl")
        label(folder)
        before = contents(tmp_path / "out")
        (tmp_path / "out/.tmp-0123456789ab").write_text("half")
        (tmp_path / "out/_clsfw/.tmp-0123456789ab").write_text("half")
        label(folder)

        assert before == contents(tmp_path / "out")

    def test_what_a_lost_worker_leaves_unfinished_is_removed_at_the_end(self, three, label, tmp_path, monkeypatch):
        folder, _ = three("jsonl")
        meanwhile(monkeypatch, lambda: (tmp_path / "out/.tmp-0123456789ab").write_text("half"))
        label(folder)

        assert [] == list((tmp_path / "out").glob(".tmp-*"))


class TestErrors:
    BROKEN = '{"text": "one"}\nno json\n{"text": null, "n": 3}\n[1]\n{"text": "two"}\n'

    def test_a_broken_row_stops_with_its_file_and_line(self, three, label):
        folder, _ = three("jsonl")
        with (folder / "c.jsonl").open("a") as file:
            file.write(self.BROKEN)

        with pytest.raises(DataError, match=r"in/c\.jsonl:62: not JSON"):
            label(folder)

    @pytest.mark.parametrize("size", [50, 1024, 10**6])
    def test_broken_rows_are_skipped_and_kept(self, size, label, tmp_path):
        lines = [f'{{"text": "good {i}"}}\n'.encode() for i in range(90)]
        lines += [*self.BROKEN.encode().splitlines(keepends=True), b'{"text": "\xff"}\n', *lines[:20]]
        (tmp_path / "in.jsonl").write_bytes(b"".join(lines))
        done = label(tmp_path / "in.jsonl", part_bytes=size, skip=True)
        errors = read_rows(tmp_path / "out/_clsfw/errors.jsonl")

        assert [92, 93, 94, 96] == [error["row"] for error in errors]
        assert {str(tmp_path / "in.jsonl")} == {error["file"] for error in errors}
        assert {"text": None, "n": 3} == errors[1]["values"]
        assert errors[3]["reason"].startswith("not UTF-8")
        assert (112, 4) == (done.rows, done.errors)

    @pytest.mark.parametrize("size", [50, 10**6])
    def test_a_row_of_csv_with_too_many_fields(self, size, label, tmp_path):
        rows = [f'{i},"good\n{i}"\n' for i in range(50)]
        (tmp_path / "in.csv").write_text("".join(["id,text\n", *rows, "a,b,c\n", *rows]))
        with pytest.raises(DataError, match=r"in\.csv:102: 3 fields where the header has 2"):
            label(tmp_path / "in.csv", part_bytes=size)
        done = label(tmp_path / "in.csv", part_bytes=size, skip=True)

        assert (100, 1) == (done.rows, done.errors)
        assert 102 == read_rows(tmp_path / "out/_clsfw/errors.jsonl")[0]["row"]

    def test_a_quote_that_is_never_closed_is_named_by_the_line_of_the_file(self, label, tmp_path):
        rows = "".join(f'{i},"good\n{i}"\n' for i in range(50))
        (tmp_path / "in.csv").write_text(f'id,text\n{rows}1,"open\n{rows}')

        with pytest.raises(DataError, match=r"in\.csv:10\d: "):
            label(tmp_path / "in.csv", part_bytes=100)

    def test_rows_of_parquet_are_named_by_their_number(self, label, tmp_path):
        texts = ["good"] * 90 + [None] + ["good"] * 30
        pq.write_table(pa.table({"text": texts}), tmp_path / "in.parquet", row_group_size=20)
        with pytest.raises(DataError, match=r"in\.parquet:91: no text in column 'text'"):
            label(tmp_path / "in.parquet", part_bytes=40)

        assert 1 == label(tmp_path / "in.parquet", part_bytes=40, skip=True).errors

    def test_what_was_skipped_is_named_when_it_is_to_stop(self, label, tmp_path):
        (tmp_path / "in.jsonl").write_text(self.BROKEN)
        label(tmp_path / "in.jsonl", skip=True)

        with pytest.raises(DataError, match=r"in\.jsonl:2: not JSON"):
            label(tmp_path / "in.jsonl")
        assert not (tmp_path / "out/_clsfw/manifest.json").exists()

    def test_columns_that_the_parts_do_not_have(self, label, tmp_path):
        (tmp_path / "in.jsonl").write_text('{"text": "a"}\n' * 99 + '{"text": "b", "more": 1}\n')

        with pytest.raises(DataError, match=r"in\.jsonl:100: has 'more', which no first row has"):
            label(tmp_path / "in.jsonl", kind="csv", part_bytes=100)

    def test_values_that_do_not_fit(self, label, tmp_path, monkeypatch):
        monkeypatch.setattr("clsfw.inference.chunks.ROWS", 10)
        (tmp_path / "in.jsonl").write_text('{"text": "a", "n": 1}\n' * 20 + '{"text": "b", "n": "x"}\n')

        with pytest.raises(DataError, match=r"in\.jsonl:18: a value from this row on does not fit its column"):
            label(tmp_path / "in.jsonl", kind="parquet", part_bytes=100)


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"raw": True}, r"the options \(--raw\)"),
            ({"kind": "csv"}, r"the options \(--format\)"),
            ({"run": 1}, "the run"),
        ],
    )
    def test_another_output(self, options, words, three, label, topics):
        folder, _ = three("jsonl")
        label(folder)
        if "run" in options:
            options = {"run": topics.directory}

        with pytest.raises(UsageError, match=rf"out/: was begun by another command, which differs in {words}; give"):
            label(folder, **options)

    def test_another_input(self, three, label):
        folder, _ = three("jsonl")
        label(folder)
        (folder / "b.jsonl").write_text('{"text": "changed"}\n')

        with pytest.raises(UsageError, match=r"differs in the input \('.*b\.jsonl' has changed\)"):
            label(folder)

    def test_a_folder_of_other_files(self, three, label, tmp_path):
        folder, _ = three("jsonl")
        (tmp_path / "out").mkdir()
        (tmp_path / "out/mine.txt").write_text("mine")

        with pytest.raises(UsageError, match=r"out/: holds other files \('mine\.txt'\)"):
            label(folder)
        assert ["mine.txt"] == [path.name for path in (tmp_path / "out").iterdir()]

    def test_a_file_that_changes_meanwhile(self, three, label, tmp_path, monkeypatch):
        folder, _ = three("jsonl")
        meanwhile(monkeypatch, lambda: (folder / "c.jsonl").write_text('{"text": "changed"}\n'))
        with pytest.raises(DataError, match=r"c\.jsonl: was changed while its rows were labelled"):
            label(folder)
        assert not (tmp_path / "out/_clsfw/manifest.json").exists()

    def test_a_run_that_changes_meanwhile(self, three, label, monkeypatch):
        folder, _ = three("jsonl")
        monkeypatch.setattr(labeller, "identity_of", lambda _: "another")

        with pytest.raises(UsageError, match="the run has changed since the output was begun"):
            label(folder)

    def test_a_second_command_at_the_same_output(self, three, label, tmp_path):
        folder, _ = three("jsonl")
        (tmp_path / "out/_clsfw").mkdir(parents=True)
        with locked(tmp_path / "out", tmp_path / "out/_clsfw/lock"), pytest.raises(LockedError, match="is in use by"):
            label(folder)

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("none.csv", "none.csv: no such file"),
            ("*.csv", "no file has such a name"),
            ("empty/", "the folder holds no file of rows"),
        ],
    )
    def test_no_input(self, name, words, label, tmp_path):
        (tmp_path / "empty").mkdir()

        with pytest.raises(DataError, match=words):
            label(f"{tmp_path}/{name}")

    def test_a_name_that_does_not_tell_its_format(self, label, tmp_path):
        (tmp_path / "in.dat").write_text("x")

        with pytest.raises(DataError, match="the name must end in"):
            label(tmp_path / "in.d*")

    def test_an_unknown_protocol(self, label):
        with pytest.raises(UsageError, match="nothing reads ftp://; give a local path, or one of s3://, gs://, hf://"):
            label("ftp://host/in.csv")
