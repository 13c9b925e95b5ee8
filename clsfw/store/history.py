"""The step history of a run: one JSON object a line, cut back to the checkpoint from which a run goes on."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from clsfw.errors import RunDirectoryError, TrainingError
from clsfw.kit import files
from clsfw.kit.atomic import write_bytes
from clsfw.kit.disk import explained
from clsfw.kit.records import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clsfw.contract.run import Checkpoint

NAME = "history.jsonl"


class History:
    """The lines that belong to the state of training; each checkpoint keeps a copy of those before it.

    The lines are kept in memory as well: a file that someone edits or removes meanwhile is put right at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: bytearray | None = None  # None: nobody said yet from where this run goes on

    @property
    def started(self) -> bool:
        """Whether it is settled from where this run goes on, so that lines may follow."""
        return self._lines is not None

    def append(self, line: Mapping[str, object]) -> None:
        """Add a line; without a `rewind` before it, the first one starts a new history.

        Raises:
            TrainingError: a number is not finite, or a name holds half a surrogate pair.
            HostError: the operating system refused.

        """
        try:
            text = json.dumps(dict(line), ensure_ascii=False, allow_nan=False, default=plain).encode() + b"\n"
        except ValueError as exc:
            what = "a name that is not text" if isinstance(exc, UnicodeError) else "a number that is not finite"
            raise TrainingError(f"the trainer logged {what}: {dict(line)!r}") from exc
        lines = self._started_lines()
        # Not synced: what must survive is copied into the next checkpoint, and there it is.
        with explained(self._path):
            files.append(self._path, text)
        lines += text

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Go back to what was logged when a checkpoint was committed, or to nothing.

        Raises:
            HostError: the operating system refused.

        """
        content = b"" if checkpoint is None else (checkpoint.path.parent / NAME).read_bytes()
        write_bytes(self._path, content)
        self._lines = bytearray(content)

    def content(self) -> bytes:
        """Return all lines so far, as they are in the file."""
        return bytes(self._started_lines())

    def finish(self) -> None:
        """Write all lines once more, synced, for a complete run.

        Raises:
            HostError: the operating system refused.

        """
        write_bytes(self._path, self.content())

    def read(self) -> list[dict[str, Any]]:
        """Return the lines so far; before the run goes on, those in the file, as `read_history`."""
        return read_history(self._path) if self._lines is None else _parsed(self._path, bytes(self._lines))

    def _started_lines(self) -> bytearray:
        if self._lines is None:
            self.rewind(None)
        assert self._lines is not None  # noqa: S101  # rewind sets it, which the type checker cannot see
        return self._lines


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read a history file; a last line that was torn by a crash is left out, and no file means no lines.

    Raises:
        RunDirectoryError: a line is not what a run writes.
        HostError: the operating system refused.

    """
    with explained(path, "read"):
        try:
            return _parsed(path, path.read_bytes())
        except FileNotFoundError:
            return []


def _parsed(path: Path, content: bytes) -> list[dict[str, Any]]:
    whole, _, _ = content.rpartition(b"\n")
    lines = []
    for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            lines.append(_checked(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as exc:
            raise RunDirectoryError(f"{path}:{number}: this is not a line of a history; somebody changed it") from exc
    return lines


def _checked(line: Any) -> dict[str, Any]:
    """Return a line whose `step` is a count, whose `split`, if any, is a name, and whose other values are numbers."""
    if not isinstance(line, dict) or type(line.get("step")) is not int or not isinstance(line.get("split", ""), str):
        raise TypeError("no line of a history")
    if any(not math.isfinite(value) for key, value in line.items() if key != "split"):
        raise ValueError("a number is not finite")
    return line
