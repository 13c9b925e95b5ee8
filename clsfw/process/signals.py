"""Turns the first SIGINT, SIGTERM or SIGHUP into a flag, and lets a second one stop at once."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from clsfw.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

_WATCHED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_ECHO_SECONDS = 0.1
"""Launchers pass on what the terminal sent already (uv run, make, torchrun); no hand is that fast."""


class StopSignals:
    """A context in which `received` holds the number of the signal that asked to stop, or None.

    The first signal is reported by `tell`. A second one raises `KeyboardInterrupt` at once, which leaves this context
    as `InterruptedRunError`. Outside the main thread no handler can be set; then a run simply cannot be asked to stop.
    """

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self.received: int | None = None
        self._tell = tell
        self._at = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Set the handlers."""
        if threading.current_thread() is threading.main_thread():
            for number in _WATCHED:
                # Nobody's, or not Python's: nohup stays in force, and a host program's own handler too.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the former handlers back.

        Raises:
            InterruptedRunError: a second signal came.

        """
        self._restore()
        if isinstance(exc, KeyboardInterrupt) and self.received is not None:
            raise InterruptedRunError(
                "stopped at once; the same command continues from the last checkpoint", self.received
            ) from exc

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self.received, self._at = number, now
            if self._tell is not None:
                with suppress(RuntimeError):  # the signal may have come amid the very same output
                    self._tell("stopping at the end of this step; the same signal again stops at once")
        elif now - self._at > _ECHO_SECONDS:
            self.received = number
            self._restore()
            raise KeyboardInterrupt

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
