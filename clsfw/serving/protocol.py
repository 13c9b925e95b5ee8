"""uvicorn's protocol for a connection, with deadlines for clients that send or read too slowly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from clsfw.serving.limits import HEADER_SECONDS, WRITE_SECONDS

if TYPE_CHECKING:
    import asyncio


class PatientProtocol(H11Protocol):
    """Closes a connection whose request's head does not come, or whose answer is not read, within a time."""

    _head: asyncio.TimerHandle | None = None
    _write: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request."""
        super().connection_made(transport)
        self._head = self.loop.call_later(HEADER_SECONDS, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._stop_head()
        self._stop_write()

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of a head must end in time, however slowly they come."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_head()
        elif self._head is None:
            self._head = self.loop.call_later(HEADER_SECONDS, self._close)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._write = self._write or self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it read."""
        super().resume_writing()
        self._stop_write()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, in the shape of all failures."""
        body = json.dumps({"error": "this is not an HTTP request", "error_type": "Validation"}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.write(self.conn.send(h11.Response(status_code=400, headers=headers, reason=b"Bad Request")))
            self.transport.write(self.conn.send(h11.Data(data=body)) or b"")
            self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")
        self.transport.close()

    def _close(self) -> None:
        self._head = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _stop_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
        self._head = None

    def _stop_write(self) -> None:
        if self._write is not None:
            self._write.cancel()
        self._write = None
