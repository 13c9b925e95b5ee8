"""Sees what the import of a plugin does to the process that every plugin shares, and puts it back.

Compared before and after: the working directory, the environment, `sys.path`, the standard streams, the umask, signal
handlers, warnings filters, the locale, builtins, and running Python threads. Nothing else is. Three of them are changed
by sound libraries when they are imported (numpy adds warnings filters, scikit-learn sets `KMP_INIT_AT_FORK`,
setuptools extends `sys.path`); there, what happened while the plugin imported another library is not held against it.
"""

from __future__ import annotations

import builtins
import locale
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence

_STREAMS = ("stdin", "stdout", "stderr")
_INTERRUPT = int(signal.SIGINT)
# Looked at as plain numbers: `signal.valid_signals()` takes longer than all the rest.
_SIGNALS = tuple(range(1, signal.NSIG))


@dataclass
class Effects:
    """What an import touched, by name, and whether the user pressed Ctrl-C meanwhile."""

    touched: list[str] = field(default_factory=list)
    interrupted: bool = False

    def __str__(self) -> str:
        """Name what was touched, as a sentence wants it."""
        *most, last = self.touched
        return f"{', '.join(most)} and {last}" if most else last


@contextmanager
def effects_of_import(top: str) -> Iterator[Effects]:
    """Report afterwards what the block, which imports the package `top`, did to the process; all of it is put back.

    A thread cannot be put back.
    """
    effects = Effects()
    with _interrupts_noted(effects):
        before = _Process()
        own = _Own(top)
        plain = builtins.__import__
        noted = own.importing(plain)
        builtins.__import__ = noted
        try:
            yield effects
        finally:
            if builtins.__import__ is noted:  # else the plugin replaced it, as will be seen
                builtins.__import__ = plain
            own.end()
            effects.touched = [*before.put_back(), *own.touched]


@contextmanager
def _interrupts_noted(effects: Effects) -> Iterator[None]:
    """Distinguish the user's Ctrl-C from a `KeyboardInterrupt` that somebody raised."""
    before = signal.getsignal(_INTERRUPT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def noted(number: int, frame: Any) -> Any:
        effects.interrupted = True
        return before(number, frame)

    signal.signal(_INTERRUPT, noted)
    try:
        yield
    finally:
        signal.signal(_INTERRUPT, before)


class _Process:
    """What no library changes by being imported."""

    def __init__(self) -> None:
        self.folder = _folder()
        self.streams = {name: getattr(sys, name) for name in _STREAMS}
        self.umask = _umask()
        self.signals = {number: signal.getsignal(number) for number in _SIGNALS}
        self.locale = locale.setlocale(locale.LC_ALL)
        self.builtins = vars(builtins).copy()
        self.threads = set(threading.enumerate())

    def put_back(self) -> Iterator[str]:
        """Undo each change, and name it."""
        if self.folder is not None and _folder() != self.folder:
            with suppress(OSError):  # the plugin removed it
                os.chdir(self.folder)
            yield "the working directory"
        for name, stream in self.streams.items():
            if getattr(sys, name) is not stream:
                setattr(sys, name, stream)
                yield f"sys.{name}"
        if _umask() != self.umask:
            os.umask(self.umask)
            yield "the umask"
        for number, handler in self.signals.items():
            if signal.getsignal(number) != handler:
                with suppress(ValueError, TypeError):  # another thread may not set it, nor anybody one of C
                    signal.signal(number, handler)
                yield f"the handler of {signal.Signals(number).name}"
        if locale.setlocale(locale.LC_ALL) != self.locale:
            locale.setlocale(locale.LC_ALL, self.locale)
            yield "the locale"
        if vars(builtins) != self.builtins:
            changed = _put_back(vars(builtins), self.builtins)
            yield f"builtins ({', '.join(changed)})"
        started = [thread.name for thread in threading.enumerate() if thread not in self.threads]
        if started:
            yield f"the running threads ({', '.join(started)})"


class _Own:
    """What the plugin's own code did to what libraries change too."""

    def __init__(self, top: str) -> None:
        self.touched: list[str] = []
        self._top = top
        self._in_library = False
        self._look()

    def importing(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        """Return an `__import__` that takes the state before and after another library is imported."""

        def noted(
            name: str,
            globals: Mapping[str, Any] | None = None,  # noqa: A002  # the names of `__import__`
            locals: Mapping[str, Any] | None = None,  # noqa: A002  # as above
            fromlist: Sequence[str] | None = (),
            level: int = 0,
        ) -> Any:
            if self._in_library or not self._is_new_library(name, globals, fromlist or (), level):
                return plain(name, globals, locals, fromlist, level)
            self._settle()
            self._in_library = True
            try:
                return plain(name, globals, locals, fromlist, level)
            finally:
                self._in_library = False
                self._look()

        return noted

    def end(self) -> None:
        """Look for the last time."""
        self._settle()

    def _is_new_library(
        self, name: str, importer: Mapping[str, Any] | None, fromlist: Sequence[str], level: int
    ) -> bool:
        whole = name if level == 0 else str((importer or {}).get("__package__") or "")
        if whole.split(".")[0] == self._top:
            return False
        module = sys.modules.get(name) if level == 0 else None
        return module is None or not all(part in getattr(module, "__dict__", {}) for part in fromlist)

    def _look(self) -> None:
        self._environment = dict(os.environ)
        self._path = [*sys.path]
        self._filters = [*warnings.filters]
        self._showwarning = warnings.showwarning

    def _settle(self) -> None:
        changed = _put_back(os.environ, self._environment)
        if changed:
            self._note(f"the environment ({', '.join(changed)})")
        if sys.path != self._path:
            sys.path[:] = self._path
            self._note("sys.path")
        if [*warnings.filters] != self._filters or warnings.showwarning is not self._showwarning:
            warnings.resetwarnings()  # so that what was decided by the filters is forgotten
            warnings.filters[:] = self._filters  # type: ignore[index]  # a list, which its stub calls a sequence
            warnings.showwarning = self._showwarning
            self._note("the warnings filters")

    def _note(self, what: str) -> None:
        if what not in self.touched:
            self.touched.append(what)


def _put_back(now: MutableMapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Make a mapping what it was, and return the names that differed."""
    values = dict(now)
    changed = sorted(name for name in {*before, *values} if before.get(name) != values.get(name))
    for name in changed:
        if name in before:
            now[name] = before[name]
        else:
            del now[name]
    return changed


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # the text as it is, not resolved
    except OSError:  # it was removed
        return None


def _umask() -> int:
    """Return the umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
