"""Downloads against a real server on this machine that behaves well and badly."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from support.data_faults import GOOD
from support.http_server import Reply, file_answer
from support.rows import data_of

from clsfw.errors import DataError, NetworkError
from clsfw_csv import CsvSettings, download
from clsfw_csv.source import FileSource
from clsfw_csv.transfer import Policy
from clsfw_csv.urls import check_url, redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from datasets import Dataset
    from support.http_server import LocalServer
    from support.reporting import Remembering

HASH = hashlib.sha256(GOOD).hexdigest()
OTHER = GOOD.replace(b"lovely", b"ghastly")
PIN = f'sha256 = "{HASH}"'

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as a test may take, not as long as a network may."""
    monkeypatch.setattr(
        download, "POLICY", Policy(delays=(0.01, 0.01), longest_wait=1, connect_timeout=0.5, read_timeout=0.3)
    )


@pytest.fixture
def fetch(reporter: Remembering, http_server: LocalServer) -> Callable[..., Dataset]:
    """Give a function that loads `csv` from a URL."""

    def load(url: str, **settings: Any) -> Dataset:
        return data_of(FileSource(CsvSettings.model_validate({"source": url, **settings})).load(reporter))

    return load


def texts(data: Dataset) -> list[str]:
    return list(data["text"])


GOOD_TEXTS = ["fine film", "dull film", "lovely", "boring"]


class TestGoodServers:
    def test_a_pinned_file_is_downloaded_once(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, reporter: Remembering
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD))

        assert texts(fetch(url, sha256=HASH)) == GOOD_TEXTS
        assert texts(fetch(url, sha256=HASH)) == GOOD_TEXTS
        assert http_server.paths() == ["/r.csv"]
        assert reporter.warnings == []

    def test_an_unpinned_file_is_told_with_the_line_that_pins_it(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, reporter: Remembering
    ) -> None:
        fetch(http_server.script("/r.csv", Reply(body=GOOD)))

        assert [PIN in warning for warning in reporter.warnings] == [True]

    @pytest.mark.parametrize("version", [{"ETag": '"v1"'}, {"Last-Modified": "Mon, 02 Jan 2023 10:00:00 GMT"}])
    def test_an_unpinned_file_is_asked_after_and_not_sent_again(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, version: dict[str, str]
    ) -> None:
        sent = []

        def answer(request: Any) -> Reply:
            sent.append(file_answer(GOOD, **version)(request))
            return sent[-1]

        url = http_server.script("/r.csv", answer)

        assert texts(fetch(url)) == texts(fetch(url)) == GOOD_TEXTS
        assert [reply.status for reply in sent] == [200, 304]

    def test_an_unpinned_file_that_changed_is_taken_anew(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv", file_answer(GOOD, ETag='"v1"'), file_answer(OTHER, ETag='"v2"'))
        fetch(url)

        assert texts(fetch(url))[2] == "ghastly"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_every_kind_of_redirect_is_followed(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, status: int
    ) -> None:
        http_server.script("/real.csv", Reply(body=GOOD))
        url = http_server.script("/r.csv", Reply(status, headers={"Location": "/real.csv"}))

        assert texts(fetch(url)) == GOOD_TEXTS

    def test_five_redirects_are_followed(self, fetch: Callable[..., Dataset], http_server: LocalServer) -> None:
        for hop in range(5):
            http_server.script(f"/{hop}", Reply(302, headers={"Location": f"/{hop + 1}"}))
        http_server.script("/5", Reply(body=GOOD))

        assert texts(fetch(f"{http_server.base}/0")) == GOOD_TEXTS

    def test_an_escaped_url_is_sent_as_it_is(self, fetch: Callable[..., Dataset], http_server: LocalServer) -> None:
        path = "/raw/Unit%2011%20-%20Reviews/r.csv"

        assert texts(fetch(http_server.script(path, Reply(body=GOOD)))) == GOOD_TEXTS
        assert http_server.paths() == [path]

    def test_no_content_length_is_fine(self, fetch: Callable[..., Dataset], http_server: LocalServer) -> None:
        assert texts(fetch(http_server.script("/r.csv", Reply(body=GOOD, announce=None)))) == GOOD_TEXTS

    def test_progress_counts_bytes(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, reporter: Remembering
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD))
        fetch(url)

        assert reporter.steps[0] == (f"downloading {url}", len(GOOD), len(GOOD), "bytes")

    def test_provenance_names_the_url_without_its_secrets(
        self, reporter: Remembering, http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv?token=s3cret&v=2", Reply(body=GOOD))
        source = FileSource(CsvSettings(source=url.replace("http://", "http://me:pa55@")))
        source.load(reporter)

        assert source.provenance()["url"] == url.replace("s3cret", "...")

    def test_user_and_password_are_sent_to_the_named_server(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD))
        fetch(url.replace("http://", "http://me:pa55@"))

        assert http_server.requests[0].headers["authorization"].startswith("Basic ")

    def test_errors_in_the_file_name_the_url_and_the_line(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD + b"x\n"))

        with pytest.raises(DataError, match=r"http://127\.0\.0\.1:\d+/r\.csv:6: 1 field"):
            fetch(url)


class TestBadLines:
    def test_a_cut_download_goes_on_where_it_stopped(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, reporter: Remembering
    ) -> None:
        tag = {"ETag": '"v1"'}
        url = http_server.script("/r.csv", Reply(body=GOOD, headers=tag, cut=20), file_answer(GOOD, **tag))

        assert texts(fetch(url)) == GOOD_TEXTS
        assert http_server.requests[1].headers["range"] == "bytes=20-"
        assert http_server.requests[1].headers["if-range"] == '"v1"'
        assert any("the connection was cut" in note for note in reporter.notes)

    def test_the_next_run_goes_on_where_this_one_gave_up(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        tag = {"ETag": '"v1"'}
        url = http_server.script("/r.csv", Reply(body=GOOD, headers=tag, cut=20), Reply(503))
        with pytest.raises(NetworkError):
            fetch(url)
        http_server.script("/r.csv", file_answer(GOOD, **tag))

        assert texts(fetch(url)) == GOOD_TEXTS
        assert http_server.requests[-1].headers["range"] == "bytes=20-"

    def test_a_file_that_changed_in_between_is_begun_again(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script(
            "/r.csv", Reply(body=GOOD, headers={"ETag": '"v1"'}, cut=20), file_answer(OTHER, ETag='"v2"')
        )

        assert texts(fetch(url)) == [text.replace("lovely", "ghastly") for text in GOOD_TEXTS]

    @pytest.mark.parametrize("version", [{}, {"ETag": 'W/"v1"'}])
    def test_without_a_strong_version_a_cut_download_is_begun_again(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, version: dict[str, str]
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD, headers=version, cut=20), Reply(body=GOOD))

        assert texts(fetch(url)) == GOOD_TEXTS
        assert "range" not in http_server.requests[1].headers

    @pytest.mark.parametrize(
        "wrong",
        [
            Reply(206, GOOD[10:], {"Content-Range": f"bytes 10-{len(GOOD) - 1}/{len(GOOD)}"}),
            Reply(206, GOOD[20:]),
            Reply(416),
        ],
        ids=["another-part", "no-range", "refused"],
    )
    def test_a_wrong_part_is_thrown_away(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, wrong: Reply
    ) -> None:
        tag = {"ETag": '"v1"'}
        url = http_server.script("/r.csv", Reply(body=GOOD, headers=tag, cut=20), wrong, file_answer(GOOD, **tag))

        assert texts(fetch(url)) == GOOD_TEXTS
        assert "range" not in http_server.requests[2].headers

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_a_server_in_trouble_is_asked_again(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, status: int
    ) -> None:
        url = http_server.script("/r.csv", Reply(status), Reply(status), Reply(body=GOOD))

        assert texts(fetch(url)) == GOOD_TEXTS

    def test_attempts_are_bounded(self, fetch: Callable[..., Dataset], http_server: LocalServer) -> None:
        url = http_server.script("/r.csv", Reply(500))

        with pytest.raises(NetworkError, match="the server answered 500 Internal Server Error; gave up"):
            fetch(url)
        assert len(http_server.requests) == 3

    def test_a_server_that_asks_for_a_long_pause_is_not_waited_for(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv", Reply(429, headers={"Retry-After": "3600"}))

        with pytest.raises(NetworkError, match="429 Too Many Requests"):
            fetch(url)
        assert len(http_server.requests) == 1

    @pytest.mark.parametrize("slow", [{"wait": 0.5}, {"stall": 0.5}])
    def test_a_silent_server_is_given_up_and_asked_again(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, reporter: Remembering, slow: dict[str, float]
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD, **slow), Reply(body=GOOD))

        assert texts(fetch(url)) == GOOD_TEXTS
        assert any("nothing came for 0.3 s" in note for note in reporter.notes)

    def test_fewer_bytes_than_announced_are_not_taken_for_the_file(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD, announce=len(GOOD) + 7))

        with pytest.raises(NetworkError, match="the connection was cut"):
            fetch(url)

    def test_a_server_that_is_gone_is_named_at_once(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, reporter: Remembering
    ) -> None:
        http_server.stop()

        with pytest.raises(NetworkError, match=r"cannot reach 127\.0\.0\.1 .* give a local copy as source"):
            fetch(f"{http_server.base}/r.csv")
        assert reporter.notes == []  # it says so when it tries again

    def test_a_port_that_never_answers_is_given_up(
        self, fetch: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)

            with pytest.raises(NetworkError, match=r"nothing came|does not answer"):
                fetch(f"http://127.0.0.1:{deaf.getsockname()[1]}/r.csv")

    def test_a_proxy_that_is_gone_is_named(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        http_server.stop()
        monkeypatch.setenv("HTTPS_PROXY", http_server.base)

        with pytest.raises(NetworkError, match=r"example\.org"):
            fetch("https://example.org/r.csv")

    def test_a_proxy_of_the_environment_is_used(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", http_server.base)
        http_server.otherwise(lambda _: Reply(body=GOOD))

        assert texts(fetch("http://localhost:9/r.csv")) == GOOD_TEXTS

    @pytest.mark.parametrize("proxy", ["nonsense://x", "socks5://127.0.0.1:9"])
    def test_a_proxy_that_cannot_be_used_is_no_crash(
        self, fetch: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, proxy: str
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", proxy)

        with pytest.raises(NetworkError, match="proxy"):
            fetch("http://127.0.0.1:9/r.csv")


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error", "words"),
        [
            (400, NetworkError, "the server answered 400"),
            (401, NetworkError, "refuses .401 Unauthorized.; the file may need a login"),
            (403, NetworkError, "refuses .403 Forbidden."),
            (404, DataError, "no such file .404 Not Found."),
            (410, DataError, "no such file .410 Gone."),
        ],
    )
    def test_a_refusal_is_final_and_said(
        self,
        fetch: Callable[..., Dataset],
        http_server: LocalServer,
        status: int,
        error: type[Exception],
        words: str,
    ) -> None:
        url = http_server.script("/r.csv", Reply(status))

        with pytest.raises(error, match=words):
            fetch(url)
        assert len(http_server.requests) == 1

    def test_a_wrong_hash_shows_both(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, cache: Path
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=OTHER))

        with pytest.raises(DataError, match=f"sha256 is {hashlib.sha256(OTHER).hexdigest()}.*pins {HASH}"):
            fetch(url, sha256=HASH)
        assert [file.name for file in cache.rglob("*") if file.is_file() and file.suffix != ".lock"] == []

    @pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>", b"\n <HTML>", b"\xef\xbb\xbf<html lang=en>"])
    def test_a_web_page_is_recognised(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, page: bytes
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=page))

        with pytest.raises(DataError, match="gives a web page"):
            fetch(url)

    def test_an_announced_size_over_the_cap_is_not_begun(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD))

        with pytest.raises(DataError, match="raise max_bytes from 10 to allow it"):
            fetch(url, max_bytes=10)

    def test_an_unannounced_size_stops_at_the_cap(
        self, fetch: Callable[..., Dataset], http_server: LocalServer
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD * 1000, announce=None))

        with pytest.raises(DataError, match="larger than 1,000 bytes"):
            fetch(url, max_bytes=1000)

    def test_a_loop_of_redirects_ends(self, fetch: Callable[..., Dataset], http_server: LocalServer) -> None:
        url = http_server.script("/r.csv", Reply(302, headers={"Location": "/r.csv"}))

        with pytest.raises(DataError, match="redirects more than 5 times"):
            fetch(url)
        assert len(http_server.requests) == 6

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ("http://example.org/r.csv", "is plain http"),
            ("file:///etc/passwd", "is not https"),
            ("ftp://127.0.0.1/r.csv", "is not https"),
            ("http://[::1/r.csv", "is not a URL"),
            ("https:///r.csv", "no host"),
        ],
    )
    def test_a_redirect_to_somewhere_unsafe_is_refused(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, target: str, words: str
    ) -> None:
        url = http_server.script("/r.csv", Reply(302, headers={"Location": target}))

        with pytest.raises(DataError, match=words):
            fetch(url)

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("http://example.org/r.csv", "plain http.*give its https URL"),
            ("http://10.0.0.1/r.csv", "plain http"),
            ("ftp://example.org/r.csv", "is not https"),
            ("file:///r.csv", "is not https"),
            ("https://", "names no host"),
            ("https://exa mple.org/r.csv", "is not a URL"),
        ],
    )
    def test_a_url_that_is_not_safe_is_refused(self, fetch: Callable[..., Dataset], url: str, words: str) -> None:
        with pytest.raises(DataError, match=words):
            fetch(url)

    @pytest.mark.parametrize("target", ["https://10.0.0.1/x", "https://localhost/x", "https://[fd00::1]/x"])
    def test_no_redirect_from_outside_into_a_private_network(self, target: str) -> None:
        with pytest.raises(DataError, match="is an address of a private network"):
            check_url(target, came_from="https://example.org/x")


class TestCachedCopies:
    def test_a_pinned_copy_needs_no_network(self, fetch: Callable[..., Dataset], http_server: LocalServer) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD))
        fetch(url, sha256=HASH)
        http_server.stop()

        assert texts(fetch(url, sha256=HASH)) == GOOD_TEXTS

    def test_an_unpinned_copy_stands_in_with_a_warning(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, reporter: Remembering
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD, headers={"ETag": '"v1"'}))
        fetch(url)
        http_server.stop()

        assert texts(fetch(url)) == GOOD_TEXTS
        assert any("the copy in the cache is used" in warning for warning in reporter.warnings)

    def test_a_damaged_copy_is_not_used(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, cache: Path
    ) -> None:
        url = http_server.script("/r.csv", file_answer(GOOD, ETag='"v1"'))
        fetch(url, sha256=HASH)
        (cache / "downloads" / HASH).write_bytes(b"damaged")

        assert texts(fetch(url, sha256=HASH)) == GOOD_TEXTS
        assert len(http_server.requests) == 2

    @pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"sha256": 1, "etag": null, "modified": null}'])
    def test_a_damaged_record_only_costs_a_download(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, cache: Path, damage: bytes
    ) -> None:
        url = http_server.script("/r.csv", file_answer(GOOD, ETag='"v1"'))
        fetch(url)
        (record,) = (cache / "downloads").glob("*.json")
        record.write_bytes(damage)

        assert texts(fetch(url)) == GOOD_TEXTS

    def test_two_at_once_download_once_after_the_other(
        self, http_server: LocalServer, reporter: Remembering, cache: Path
    ) -> None:
        url = http_server.script("/r.csv", Reply(body=GOOD, headers={"ETag": '"v1"'}, wait=0.2), Reply(304))
        got = []

        def load() -> None:
            got.append(download.download(url, None, 1000, reporter))

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert got == [(cache / "downloads" / HASH, HASH)] * 2
        assert any("another process is downloading" in note for note in reporter.notes)

    def test_no_secret_of_the_url_is_kept(
        self, fetch: Callable[..., Dataset], http_server: LocalServer, cache: Path
    ) -> None:
        url = http_server.script("/r.csv?access_token=hf_planted", Reply(body=GOOD))
        fetch(url.replace("http://", "http://me:pa55word@"))

        kept = b"".join(file.read_bytes() for file in cache.rglob("*") if file.is_file())
        assert [secret for secret in (b"hf_planted", b"pa55word") if secret in kept] == []


_CHILD = """
import sys
from clsfw_csv.download import download
from support.reporting import Remembering

download(sys.argv[1], None, 1_000_000, Remembering())
"""


def test_a_download_that_was_killed_is_finished_by_the_next_run(
    fetch: Callable[..., Dataset], http_server: LocalServer, cache: Path
) -> None:
    tag = {"ETag": '"v1"'}
    url = http_server.script("/r.csv", Reply(body=GOOD, headers=tag, stall=20), file_answer(GOOD, **tag))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", _CHILD, url], env=environment) as child:
        while child.poll() is None and not any(part.stat().st_size for part in cache.rglob("*.part")):
            time.sleep(0.01)
        child.kill()

    assert texts(fetch(url)) == GOOD_TEXTS
    assert http_server.requests[-1].headers["range"] == f"bytes={len(GOOD) // 2}-"
    assert list(cache.rglob("*.part*")) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@host:8443/a.csv#part", "https://host:8443/a.csv"),
        ("https://host/a.csv?download=1&X-Amz-Signature=abc", "https://host/a.csv?download=1&X-Amz-Signature=..."),
        ("http://me:pw@[::1/a.csv?token=x", "http://[::1/a.csv"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redact(url) == shown
