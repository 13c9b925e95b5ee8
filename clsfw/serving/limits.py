"""What one request may hold, and how much the server accepts at a time: more than that is refused."""

from __future__ import annotations

BODY_BYTES = 2 * 2**20
"""The largest body of a request."""

OPEN_BYTES = 64 * 2**20
"""The bodies of all requests that are read or wait for their answer, together."""

TEXTS = 256
"""The most texts in one request."""

CHARACTERS = 100_000
"""The longest text."""

QUEUE_TEXTS = 1024
"""The most texts that are accepted and not answered yet; beyond that a request gets 429."""

BATCH_TOKENS = 16_384
"""About so many tokens go to the model at once; a request is never parted."""

CONNECTIONS = 1000
"""Connections at a time; further ones get 503."""

HEADER_SECONDS = 10.0
BODY_SECONDS = 10.0
WRITE_SECONDS = 30.0
"""How long a client may take to send a request's head, to send its body, and to take a part of the answer."""
