"""Moves the bytes of one URL into one file: redirects, retries, resuming, limits."""

from __future__ import annotations

import re
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx

from clsfw import DataError, NetworkError, __version__
from clsfw.kit import explained, is_web_page, write_json
from clsfw_csv.inputs import read_json
from clsfw_csv.urls import check_url, redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clsfw import Reporter

_OK, _PARTIAL, _NOT_MODIFIED, _RANGE_REFUSED = 200, 206, 304, 416


@dataclass(frozen=True)
class Policy:
    """How patient a download is; all times in seconds."""

    delays: tuple[float, ...] = (1.0, 2.0, 4.0)
    """The pauses between attempts, so there is one attempt more than there are pauses."""
    longest_wait: float = 30.0
    """A server that asks for a longer pause is not waited for."""
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    redirects: int = 5


@dataclass(frozen=True)
class Version:
    """What a server says to distinguish one content of a URL from the next: an ETag, a date of change, or neither."""

    etag: str | None = None
    modified: str | None = None

    @property
    def strong(self) -> str | None:
        """What an interrupted download may be continued by; a weak ETag only promises a like content."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


class _RetryError(Exception):
    """This attempt failed in a way that another one may not."""

    def __init__(self, words: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(words)


@dataclass(frozen=True)
class Transfer:
    """One download into `part`; beside it, `part`.json says which version of the content it holds a piece of."""

    url: str
    part: Path
    max_bytes: int
    reporter: Reporter
    policy: Policy

    @property
    def _name(self) -> str:
        return redact(self.url)

    def run(self, known: Version | None) -> Version | None:
        """Fill `part` and give the version of its content; or give None if the server says that `known` is still valid.

        Raises:
            DataError: what the URL gives is not to be had or not to be used.
            NetworkError: the server cannot be reached, refuses, or fails again and again.

        """
        timeout = httpx.Timeout(self.policy.read_timeout, connect=self.policy.connect_timeout)
        try:
            client = httpx.Client(timeout=timeout)
        except (ImportError, ValueError) as exc:  # a proxy in the environment that httpx cannot use
            raise NetworkError(f"{self._name}: the proxy that the environment names cannot be used: {exc}") from exc
        with client:
            for delay in (*self.policy.delays, None):
                try:
                    return self._attempt(client, known)
                except _RetryError as exc:
                    if delay is None or exc.wait > self.policy.longest_wait:
                        raise NetworkError(f"{self._name}: {exc}; gave up after several attempts") from exc
                    pause = max(delay, exc.wait)
                    self.reporter.note(f"{self._name}: {exc}; trying again in {pause:g} s")
                    time.sleep(pause)
        raise AssertionError("the last attempt either returns or raises")

    def _attempt(self, client: httpx.Client, known: Version | None) -> Version | None:
        host = urlsplit(self.url).hostname
        try:
            with closing(self._follow(client, self._headers(known))) as response:
                return self._receive(response)
        except httpx.ConnectTimeout as exc:
            raise NetworkError(
                f"{self._name}: {host} does not answer within {self.policy.connect_timeout:g} s"
            ) from exc
        except httpx.ProxyError as exc:
            raise NetworkError(f"{self._name}: the proxy that the environment names refuses: {exc}") from exc
        except httpx.ConnectError as exc:
            raise NetworkError(f"{self._name}: cannot reach {host} ({exc})") from exc
        except httpx.TimeoutException as exc:
            raise _RetryError(f"nothing came for {self.policy.read_timeout:g} s") from exc
        except httpx.TransportError as exc:
            if "location header" in str(exc):
                raise DataError(f"{self._name}: redirects to something that is not a URL") from exc
            raise _RetryError(f"the connection was cut ({exc})") from exc
        except httpx.InvalidURL as exc:
            raise DataError(f"{self._name}: is not a URL: {exc}") from exc

    def _headers(self, known: Version | None) -> dict[str, str]:
        # identity: a range counts the bytes as stored, and so does the hash.
        headers = {"User-Agent": f"clsfw/{__version__}", "Accept-Encoding": "identity"}
        began = self._began()
        if began is not None and began.strong is not None:
            headers["Range"] = f"bytes={self.part.stat().st_size}-"
            headers["If-Range"] = began.strong
        elif known is not None and known.etag is not None:
            headers["If-None-Match"] = known.etag
        elif known is not None and known.modified is not None:
            headers["If-Modified-Since"] = known.modified
        return headers

    def _follow(self, client: httpx.Client, headers: Mapping[str, str]) -> httpx.Response:
        url = self.url
        for _ in range(self.policy.redirects + 1):
            response = client.send(client.build_request("GET", url, headers=dict(headers)), stream=True)
            if not response.has_redirect_location:
                return response
            response.close()
            target = urljoin(url, response.headers["Location"])
            check_url(target, came_from=url)
            url = target
        raise DataError(f"{self._name}: redirects more than {self.policy.redirects} times, at last to {redact(url)}")

    def _receive(self, response: httpx.Response) -> Version | None:
        status, headers = response.status_code, response.headers
        if status == _NOT_MODIFIED:
            return None
        if status == _RANGE_REFUSED:
            self._forget()
            raise _RetryError("the rest of the file is not to be had; beginning again")
        if status not in (_OK, _PARTIAL):
            self._refuse(response)
        start, total = 0, _number(headers.get("Content-Length"))
        if status == _PARTIAL:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
            start = self.part.stat().st_size
            if found is None or int(found[1]) != start:
                self._forget()
                raise _RetryError("the server sent another part of the file than asked for; beginning again")
            total = _number(found[2])
        version = Version(headers.get("ETag"), headers.get("Last-Modified"))
        if total is not None and total > self.max_bytes:
            self._forget()
            raise DataError(
                f"{self._name}: is {total:,} bytes large; raise max_bytes from {self.max_bytes:,} to allow it"
            )
        if start == 0:
            self._forget()
            write_json(self._note, {"etag": version.etag, "modified": version.modified})
        size = self._store(response, start, total)
        if total is not None and size != total:
            self._forget()
            raise _RetryError(f"{size:,} bytes came, but the server announced {total:,}")
        return version

    def _store(self, response: httpx.Response, start: int, total: int | None) -> int:
        size = start
        with explained(self.part, needed=total), self.part.open("ab") as file:
            for chunk in response.iter_raw():
                if size == 0 and is_web_page(chunk):
                    self._forget()
                    raise DataError(
                        f"{self._name}: gives a web page (HTML), not a CSV file; find the link to the raw file"
                    )
                size += len(chunk)
                if size > self.max_bytes:
                    self._forget()
                    raise DataError(
                        f"{self._name}: is larger than {self.max_bytes:,} bytes; raise max_bytes if that is meant"
                    )
                file.write(chunk)
                file.flush()  # so that a killed process leaves it to the next one
                self.reporter.progress(f"downloading {self._name}", size, total, "bytes")
        return size

    def _refuse(self, response: httpx.Response) -> None:
        status = response.status_code
        told = f"{status} {response.reason_phrase}".strip()
        if status in (404, 410):
            raise DataError(f"{self._name}: the server has no such file ({told}); look for a newer link")
        if status in (401, 403, 407):
            raise NetworkError(f"{self._name}: the server refuses ({told}); the file may need a login")
        if status == 429 or status >= 500:  # noqa: PLR2004  # too many requests, and the server's own faults
            raise _RetryError(f"the server answered {told}", _number(response.headers.get("Retry-After")) or 0)
        raise NetworkError(f"{self._name}: the server answered {told}")

    # What is kept of an interrupted download

    @property
    def _note(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _began(self) -> Version | None:
        try:
            match read_json(self._note) if self.part.stat().st_size else None:
                case {"etag": str() | None as etag, "modified": str() | None as modified}:
                    return Version(etag, modified)
        except (OSError, ValueError):
            pass  # no note, or a damaged one: the download begins anew
        return None

    def _forget(self) -> None:
        with explained(self.part, "remove"):
            self.part.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
