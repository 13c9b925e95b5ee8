"""Serves a run or an artifact over HTTP until a signal asks to end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from clsfw.errors import HostError, UsageError
from clsfw.serving.about import info
from clsfw.serving.answering import Answering
from clsfw.serving.app import build_app
from clsfw.serving.batching import Batcher
from clsfw.serving.limits import CONNECTIONS
from clsfw.serving.protocol import PatientProtocol
from clsfw.serving.watching import Watch, to_stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clsfw.inference.classifier import LoadedClassifier

TOKEN = "CLSFW_SERVE_TOKEN"  # noqa: S105  # the name of a variable
"""The environment variable that holds the bearer token."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def read_token() -> str | None:
    """Return the bearer token of the environment; None: there is none.

    Raises:
        UsageError: no HTTP header can carry it.

    """
    token = os.environ.get(TOKEN)
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError(f"{TOKEN} must hold printable ASCII characters without blanks")
    return token or None


def listen(host: str, port: int, token: str | None) -> socket.socket:
    """Open the socket; other machines are let in with a token only.

    Raises:
        UsageError: there is no such host, or other machines could ask without a token.
        HostError: the port cannot be had.

    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as exc:
        raise UsageError(f"--host {host!r} is not an address of this machine") from exc
    if token is None and not ipaddress.ip_address(address[0]).is_loopback:
        raise UsageError(f"other machines reach {host}, so set a bearer token in {TOKEN}, or stay at 127.0.0.1")
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as exc:
        sock.close()
        raise HostError(f"cannot listen on {host}:{port}: {(exc.strerror or str(exc)).lower()}") from exc
    return sock


def serve(classifier: LoadedClassifier, sock: socket.socket, token: str | None, ready: Callable[[str], None]) -> None:
    """Answer until SIGINT or SIGTERM; what was accepted by then is answered. `ready` gets the address."""
    server = Server(classifier, token)
    host, port = sock.getsockname()[:2]
    server.when_ready = lambda: ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    with _signals_end_quietly():
        asyncio.run(server.serve(sockets=[sock]))


class Server(uvicorn.Server):
    """uvicorn with the application; it says when it can be asked."""

    def __init__(self, classifier: LoadedClassifier, token: str | None) -> None:
        watch = Watch(to_stderr)
        answering = Answering(classifier)
        answering(["a text"], explain=answering.explains)  # what is slow the first time is done before anybody waits
        config = uvicorn.Config(
            build_app(answering, Batcher(answering, watch), watch, info(answering), token),
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
        )
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # its words may be an error's, and hold a text
        super().__init__(config)
        self.when_ready: Callable[[], None] = lambda: None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.when_ready()


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Take the signal that uvicorn raises again once it has ended as the signal asked."""
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
