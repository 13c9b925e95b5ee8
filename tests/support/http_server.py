"""A real HTTP server on this machine that behaves as it is told: the fixture `http_server`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What to answer, well or badly."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    announce: int | None = -1
    """The Content-Length to announce; -1: the true one; None: none."""
    cut: int | None = None
    """Close the connection after so many bytes of the body."""
    wait: float = 0.0
    """Seconds before the answer begins."""
    stall: float = 0.0
    """Seconds in the middle of the body."""


Answer = Reply | Callable[[Request], Reply]


def file_answer(body: bytes, **headers: str) -> Callable[[Request], Reply]:
    """Serve a file as good servers do: `If-None-Match`, `Range` and `If-Range` are understood."""

    def answer(request: Request) -> Reply:
        version = headers.get("ETag") or headers.get("Last-Modified")
        told = {"Accept-Ranges": "bytes", **headers}
        if version is not None and version in (
            request.headers.get("if-none-match"),
            request.headers.get("if-modified-since"),
        ):
            return Reply(304, headers=told)
        wanted = request.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        if not wanted or request.headers.get("if-range", version) != version:
            return Reply(200, body, told)
        start = int(wanted)
        if start >= len(body):
            return Reply(416, headers={"Content-Range": f"bytes */{len(body)}"})
        return Reply(206, body[start:], {**told, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"})

    return answer


class LocalServer:
    """Answers each path by its script: one answer per request, the last one for all further requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._scripts: dict[str, list[Answer]] = {}
        self._fallback: Callable[[Request], Reply] = lambda _: Reply(404, b"nothing here")
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def script(self, path: str, *answers: Answer) -> str:
        """Say what the path answers, and give its URL."""
        self._scripts[path.split("?", maxsplit=1)[0]] = list(answers)
        return self.base + path

    def otherwise(self, answer: Callable[[Request], Reply]) -> None:
        """Say what paths without a script answer."""
        self._fallback = answer

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Be gone: connections are refused from now on."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _answer(self, request: Request) -> Reply:
        script = self._scripts.get(request.path.split("?")[0])
        if script is None:
            return self._fallback(request)
        answer = script.pop(0) if len(script) > 1 else script[0]
        return answer if isinstance(answer, Reply) else answer(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def handle_request(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                request = Request(self.command, self.path, headers, body)
                server.requests.append(request)
                reply = server._answer(request)
                time.sleep(reply.wait)
                with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough, which some tests want
                    self._send(reply)

            do_GET = do_HEAD = do_POST = do_PUT = handle_request  # noqa: N815  # the names are http.server's

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                length = len(reply.body) if reply.announce == -1 else reply.announce
                named = {name.lower() for name in reply.headers}
                if length is not None and reply.status != 304 and "content-length" not in named:
                    self.send_header("Content-Length", str(length))
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                if self.command == "HEAD":
                    return
                body = reply.body[: reply.cut]
                if reply.stall:
                    self.wfile.write(body[: len(body) // 2])
                    self.wfile.flush()
                    time.sleep(reply.stall)
                    body = body[len(body) // 2 :]
                self.wfile.write(body)

        return Handler


@pytest.fixture
def http_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """Give a running server; proxies of the environment are kept away from it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    server = LocalServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
