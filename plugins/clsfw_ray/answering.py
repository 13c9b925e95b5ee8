"""Sees within seconds that a Ray cluster answers at an address, where Ray itself tries for a quarter of an hour."""

from __future__ import annotations

import os
import socket

from clsfw import HostError

_CONNECTION, _ANSWER = 4.0, 15.0
"""Seconds within which a host must take a connection, and what listens there must answer; a busy one takes its time."""

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How HTTP/2, which Ray speaks, begins (RFC 9113, 3.4): the preface, and SETTINGS without any."""


def require_answer(where: str) -> None:
    """See that Ray may listen at HOST:PORT or ray://HOST:PORT.

    Raises:
        HostError: nobody does, or something else.

    """
    target = where.partition("://")[2] or where
    host, _, port = target.rpartition(":")
    if not port.isdecimal():
        return  # Ray says what is wrong with it
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECTION) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() not in {"1", "true"} and not _speaks_http2(connection):
                raise HostError(
                    f"no Ray cluster answers at {where}: what listens there is something else, or hangs; the port is "
                    "6379 for HOST:PORT and 10001 for ray://HOST:PORT, unless that was changed"
                )
    except (OSError, OverflowError) as exc:
        raise HostError(
            f"no Ray cluster answers at {where}: {str(exc) or type(exc).__name__}; see that it is up, and that the "
            "port can be reached from here"
        ) from exc


def _speaks_http2(connection: socket.socket) -> bool:
    """Return whether the first frame that comes is one of SETTINGS, as HTTP/2 wants it."""
    connection.settimeout(_ANSWER)
    connection.sendall(_HELLO)
    head = b""
    while len(head) < 4:  # noqa: PLR2004  # three bytes of length, one of the kind
        try:
            data = connection.recv(9)
        except TimeoutError:
            return False
        if not data:
            return False
        head += data
    return head[3] == 4  # noqa: PLR2004  # SETTINGS
