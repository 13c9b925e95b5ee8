"""The process that does pieces of work for another one: `python -m clsfw_executors.process CONNECTION`.

Its standard input ends with the other process, and then it ends, too.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import clsfw

if TYPE_CHECKING:
    from typing import NoReturn


class Sender:
    """Sends messages, each a kind and a pickled content, from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def say(self, what: Any) -> None:
        """Pass on what a worker says by the way."""
        self.send("said", pickle.dumps(what))

    def send(self, kind: str, content: bytes) -> None:
        """Send a message."""
        with self._lock:
            self._connection.send((kind, content))


def main() -> None:
    """Do one piece after the other, until there are no more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection = Connection(int(sys.argv[1]))
    sender = Sender(connection)
    do = None
    try:
        make = connection.recv_bytes()
        while True:
            piece = connection.recv_bytes()
            try:
                if do is None:
                    do = pickle.loads(make)(sender.say)  # noqa: S301  # from the process that started this one
                answer = "done", pickle.dumps(do(pickle.loads(piece)))  # noqa: S301  # as above
            except Exception as exc:  # noqa: BLE001  # the other process shows it, whatever it is
                traceback.print_exc()
                answer = "failed", pickle.dumps(portable(exc))
            sender.send(*answer)
    except (EOFError, BrokenPipeError):
        return


def portable(error: Exception) -> Exception:
    """Return an error that any other process can unpickle.

    One of clsfw's is itself, or the nearest kind that clsfw has; any other is a `RuntimeError` that names its kind.
    """
    if not isinstance(error, clsfw.ClsfwError):
        return RuntimeError(f"{type(error).__name__}: {error}")
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # it was pickled here
    except Exception:  # noqa: BLE001  # a class within a function, a content that cannot be pickled
        kind = next(kind for kind in type(error).__mro__ if getattr(clsfw, kind.__name__, None) is kind)
        nearest: Exception = kind(str(error))
        return nearest
    return error


def _end_with_parent() -> NoReturn:
    """End at once when the process that gives the pieces has ended, however it did; a piece bears that."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing follows that signal")


if __name__ == "__main__":
    main()
