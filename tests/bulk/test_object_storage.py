"""A real S3 server: files are read, listed and written there; what it refuses is one message."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress

import pytest
from support.many_files import parts
from support.object_storage import connect, forget, moto

from clsfw import DataError, HostError, NetworkError, UsageError
from clsfw.bulk.places import Place
from clsfw.cli import main


class TestLabelling:
    @pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
    def test_the_same_parts_as_on_this_machine(self, kind, s3, three, label, tmp_path):
        folder, rows = three(kind)
        for path in folder.iterdir():
            s3.put(f"in/{path.name}", path.read_bytes())
        done = label(f"{s3.url}/in/*.{kind}", f"{s3.url}/out/")
        label(folder)

        assert len(rows) == done.rows
        local = parts(tmp_path / "out")
        assert [f"out/{path.name}" for path in local] == s3.names("out/part-")
        assert [path.read_bytes() for path in local] == [s3.get(key) for key in s3.names("out/part-")]
        assert "out/_clsfw/manifest.json" in s3.names("out/")

    def test_a_prefix_is_a_folder(self, s3, three, label, tmp_path):
        folder, rows = three("jsonl")
        for path in folder.iterdir():
            s3.put(f"in/deep/{path.name}", path.read_bytes())
        s3.put("in/", b"")
        s3.put("in/README.md", b"no rows")
        s3.put("in/_own/x.jsonl", b"hidden")

        assert len(rows) == label(f"{s3.url}/in", tmp_path / "1").rows
        assert 100 == label(f"{s3.url}/in/deep/a.jsonl", tmp_path / "2").rows

    def test_the_same_command_goes_on_and_makes_again_what_is_not_proven(self, s3, three, label):
        folder, _ = three("jsonl")
        label(folder, f"{s3.url}/out")
        before = {key: s3.get(key) for key in s3.names()}
        times = {item["Key"]: item["LastModified"] for item in s3.client.list_objects_v2(Bucket=s3.name)["Contents"]}
        s3.put("out/part-000001.jsonl", s3.get("out/part-000001.jsonl").replace(b"0", b"1"))
        s3.client.delete_object(Bucket=s3.name, Key="out/_clsfw/part-000003.json")
        s3.client.delete_object(Bucket=s3.name, Key="out/part-000004.jsonl")
        label(folder, f"{s3.url}/out")

        assert before == {key: s3.get(key) for key in s3.names()}
        after = {item["Key"]: item["LastModified"] for item in s3.client.list_objects_v2(Bucket=s3.name)["Contents"]}
        assert times["out/part-000002.jsonl"] == after["out/part-000002.jsonl"]

    def test_another_output_is_refused(self, s3, three, label):
        folder, _ = three("jsonl")
        s3.put("out/mine.txt", b"mine")

        with pytest.raises(UsageError, match=r"out/: holds other files \('mine\.txt'\)"):
            label(folder, f"{s3.url}/out/")

    def test_broken_rows_and_their_lines(self, s3, label, tmp_path):
        s3.put("in.jsonl", b'{"text": "good"}\n' * 100 + b"broken\n" + b'{"text": "good"}\n' * 9)
        with pytest.raises(DataError, match=rf"{s3.url}/in\.jsonl:101: not JSON"):
            label(f"{s3.url}/in.jsonl", part_bytes=200)
        done = label(f"{s3.url}/in.jsonl", f"{s3.url}/out", part_bytes=200, skip=True)

        assert (109, 1) == (done.rows, done.errors)
        assert b'"row": 101' in s3.get("out/_clsfw/errors.jsonl")


class TestReading:
    def test_not_much_more_is_fetched_than_is_read(self, s3, monkeypatch):
        s3.put("large", bytes(20 * 2**20))
        with cutting(s3.address, after=2**40) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
            with Place.of(f"{s3.url}/large").opened() as file:
                file.seek(10 * 2**20)
                assert bytes(1000) == file.read(1000)

        assert proxy.sent < 6 * 2**20


class TestEvaluate:
    def test_files_are_scored_together(self, s3, baseline, capsys, tmp_path):
        import json

        rows = ['{"text": "a wonderful film", "label": "POSITIVE"}', '{"text": "dull", "label": "NEGATIVE"}'] * 20
        (tmp_path / "all.jsonl").write_text("\n".join(rows))
        s3.put("a.jsonl", "\n".join(rows[:11]).encode())
        s3.put("b.jsonl", "\n".join(rows[11:]).encode())
        found = []
        for data in (f"{s3.url}/*.jsonl", str(tmp_path / "all.jsonl")):
            assert 0 == main(["evaluate", str(baseline.directory), "--data", data, "--json"])
            found.append(json.loads(capsys.readouterr().out))

        assert found[0] == found[1]


class TestRefused:
    def test_a_missing_bucket_or_key(self, s3, label, three):
        folder, _ = three("jsonl")
        for name in ("s3://no-such-bucket/in.jsonl", "s3://no-such-bucket/*.jsonl", f"{s3.url}/no.jsonl"):
            with pytest.raises(DataError, match="no such file or bucket"):
                label(name)
        with pytest.raises(DataError, match="no file has such a name"):
            label(f"{s3.url}/*.jsonl")
        with pytest.raises(HostError, match=r"cannot write s3://no-such-bucket/out.*: there is no such bucket"):
            label(folder, "s3://no-such-bucket/out")

    def test_no_credentials(self, s3, label, monkeypatch, tmp_path):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("HOME", str(tmp_path))

        with pytest.raises(HostError, match="there are no credentials; set AWS_ACCESS_KEY_ID and"):
            label(f"{s3.url}/in.jsonl")

    @pytest.mark.thorough
    def test_a_key_that_the_server_refuses(self, label, three, monkeypatch, s3):
        folder, _ = three("jsonl")
        with moto(INITIAL_NO_AUTH_ACTION_COUNT="1") as address:
            connect(address).create_bucket(Bucket="closed")
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            with pytest.raises(
                HostError, match=r"cannot read s3://closed/in\.jsonl: the server refuses it .* look at AWS"
            ):
                label("s3://closed/in.jsonl")
            with pytest.raises(HostError, match=r"s3://closed/out.*: the server refuses it .* look at AWS"):
                label(folder, "s3://closed/out")

    def test_a_server_that_nobody_runs(self, label, monkeypatch, s3):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

        with pytest.raises(NetworkError, match=r"cannot read s3://any/in\.jsonl: the server cannot be reached"):
            label("s3://any/in.jsonl")

    def test_a_connection_that_is_cut_and_the_same_command(self, label, s3, monkeypatch):
        s3.put("in.jsonl", b'{"text": "good film"}\n' * 500)
        with cutting(s3.address, after=4000) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
            monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
            with pytest.raises(NetworkError, match=r"the server cannot be reached, or broke off"):
                label(f"{s3.url}/in.jsonl", f"{s3.url}/out", part_bytes=5000)
        monkeypatch.setenv("AWS_ENDPOINT_URL", s3.address)
        forget()

        assert 500 == label(f"{s3.url}/in.jsonl", f"{s3.url}/out", part_bytes=5000).rows

    def test_the_library_is_not_installed(self, label, monkeypatch):
        monkeypatch.setitem(sys.modules, "s3fs", None)
        monkeypatch.delitem(
            sys.modules["fsspec.registry"]._registry, "s3", raising=False
        )  # it remembers what was imported

        with pytest.raises(
            HostError, match=r's3://b/in\.csv: needs a library that is not installed: pip install "clsfw'
        ):
            label("s3://b/in.csv")

    def test_the_hub_is_not_written(self, label, three):
        folder, _ = three("jsonl")

        with pytest.raises(UsageError, match="each part would be a commit"):
            label(folder, "hf://datasets/me/mine/out")


class cutting:  # noqa: N801  # used as a function
    """A proxy that closes each connection once the server has sent so many bytes on it; it counts what was sent."""

    def __init__(self, address, after):
        self.sent = 0
        self._port = int(address.rpartition(":")[2])
        self._after = after
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._pump, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, self._after), daemon=True).start()

    def _pump(self, source, target, left):
        try:
            while data := source.recv(4096):
                target.sendall(data)
                if left is not None:
                    self.sent += len(data)
                    left -= len(data)
                    if left <= 0:
                        break
        except OSError:
            pass
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
