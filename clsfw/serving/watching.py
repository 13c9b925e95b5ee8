"""What `/metrics` shows, and the few lines that go to the log: numbers and names, never a text."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from clsfw.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)
_COUNTS = tuple(2**power for power in range(11))


class Watch:
    """Counts what the server does, in a registry of its own; `say` writes a line to the log."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        own = self.registry
        self._requests = Counter("clsfw_requests", "Requests by path and status", ["path", "status"], registry=own)
        self._seconds = Histogram(
            "clsfw_request_seconds", "Seconds until a request was answered", ["path"], buckets=_SECONDS, registry=own
        )
        self._batches = Histogram("clsfw_batch_texts", "Texts in a batch", buckets=_COUNTS, registry=own)
        self._batch_seconds = Histogram("clsfw_batch_seconds", "Seconds for a batch", buckets=_SECONDS, registry=own)
        self._tokens = Counter("clsfw_tokens", "Tokens predicted", registry=own)
        self._waiting = Gauge("clsfw_waiting_texts", "Texts that are accepted and not answered", registry=own)
        self._failures = Counter("clsfw_failures", "Requests on which the model or the server failed", registry=own)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; status 499 is for a client that went away."""
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, texts: int, tokens: int, seconds: float) -> None:
        """Count a batch."""
        self._batches.observe(texts)
        self._batch_seconds.observe(seconds)
        self._tokens.inc(tokens)

    def waiting(self, texts: int) -> None:
        """Note how many texts wait."""
        self._waiting.set(texts)

    def failed(self, exc: Exception) -> None:
        """Count a failure, and log its kind and place: an error's own words may hold a text."""
        self._failures.inc()
        root = exc
        while isinstance(root.__cause__, Exception):
            root = root.__cause__
        frames = traceback.extract_tb(root.__traceback__)
        place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        self._say(clean(f"a request failed: {type(root).__name__}{place}"))

    def page(self) -> bytes:
        """Return what Prometheus reads."""
        return generate_latest(self.registry)


def to_stderr(line: str) -> None:
    """Write a line of the log."""
    sys.stderr.write(f"clsfw: {line}\n")
    sys.stderr.flush()
