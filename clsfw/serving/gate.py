"""What every request passes before the application sees it: the token, the size of its body, and the time it takes.

It also sees to it that whatever goes wrong is answered in one shape, without a traceback.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clsfw.serving.limits import BODY_BYTES, BODY_SECONDS, OPEN_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from clsfw.serving.watching import Watch

OPEN = frozenset({"/", "/health", "/docs", "/openapi.json"})
"""What may be read without the token: it says nothing about the run."""

GONE = 499
"""Counted, never sent: the client went away before its answer."""

_HEADERS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]


@dataclass
class Refused(Exception):  # noqa: N818  # it is an answer
    """A request that is answered by a failure."""

    status: int
    error: str
    kind: str
    headers: dict[str, str] = field(default_factory=dict)


class Gate:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, token: str | None, paths: frozenset[str], watch: Watch) -> None:
        self._app = app
        self._token = f"Bearer {token}".encode() if token else None
        self._paths = paths
        self._watch = watch
        self._open_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        reply = _Reply(send)
        taken = [0]
        try:
            await self._pass(scope, receive, reply, taken)
        except Refused as refusal:
            await reply.fail(refusal)
        except Exception as exc:  # noqa: BLE001  # the server goes on, and nobody sees a traceback
            self._watch.failed(exc)
            if not reply.status:
                await reply.fail(Refused(500, "the server failed on this request", "Backend"))
        finally:
            self._open_bytes -= taken[0]
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._watch.request(path, reply.status or GONE, time.perf_counter() - began)

    async def _pass(self, scope: Scope, receive: Receive, reply: _Reply, taken: list[int]) -> None:
        headers = dict(scope["headers"])
        public = scope["path"] in OPEN and scope["method"] in {"GET", "HEAD"}
        given = headers.get(b"authorization", b"")
        if self._token is not None and not public and not hmac.compare_digest(given, self._token):
            raise Refused(401, "a bearer token is needed", "Unauthorized", {"WWW-Authenticate": "Bearer"})
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._body(headers, receive, taken)
        except TimeoutError:
            raise Refused(408, "the body did not come in time", "Timeout", {"Connection": "close"}) from None
        if body is None:
            return
        if body and headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            raise Refused(415, "the body must be JSON, said so by `Content-Type: application/json`", "Validation")
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, again, reply.send)

    async def _body(self, headers: dict[bytes, bytes], receive: Receive, taken: list[int]) -> bytes | None:
        """Read the body; None: the client went away. What it takes is counted in `taken`.

        Raises:
            Refused: it is too large, or the server holds too much already.

        """
        announced = int(headers.get(b"content-length", b"0"))
        body = bytearray()
        while True:
            if max(announced, len(body)) > BODY_BYTES:
                raise Refused(413, f"the body is larger than {BODY_BYTES:,} bytes", "Validation")
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            if self._open_bytes + len(chunk) > OPEN_BYTES:
                raise Refused(429, "the server holds too much already", "Overloaded", {"Retry-After": "1"})
            self._open_bytes += len(chunk)
            taken[0] += len(chunk)
            body += chunk
            if not message.get("more_body", False):
                if len(body) > BODY_BYTES:
                    announced = len(body)
                    continue
                return bytes(body)


class _Reply:
    """Sends an answer, and knows its status."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await self._send(message)

    async def fail(self, refusal: Refused) -> None:
        """Answer that a request is refused."""
        body = json.dumps({"error": refusal.error, "error_type": refusal.kind}).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refusal.headers}
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": body})
