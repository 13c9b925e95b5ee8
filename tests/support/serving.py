"""A server of the real kind within the test's process, and what asks it."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.serving.server import Server


class Serving:
    """A running server."""

    def __init__(self, port: int, server: Server) -> None:
        self.server = server
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.base, trust_env=False, timeout=60)

    def predict(self, inputs: Any, **more: Any) -> httpx.Response:
        return self.client.post("/predict", json={"inputs": inputs, **more})

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def metric(self, name: str) -> float:
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@contextmanager
def serving(classifier: LoadedClassifier, token: str | None = None) -> Iterator[Serving]:
    """Serve a classifier on a free port."""
    from clsfw.serving.server import Server, listen

    sock = listen("127.0.0.1", 0, token)
    server = Server(classifier, token)
    ready = threading.Event()
    server.when_ready = ready.set
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])), daemon=True)
    thread.start()
    assert ready.wait(60)
    served = Serving(sock.getsockname()[1], server)
    try:
        yield served
    finally:
        served.client.close()
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
