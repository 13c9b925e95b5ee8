"""The run directory: opened by one process at a time, written piece by piece, and complete only when proven.

`run.json` holds the state of the run and is replaced at once; `state = "complete"` is the very last thing written,
after all else was read back and hashed into `manifest.json`. Readers trust nothing else.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

from clsfw.errors import RunDirectoryError
from clsfw.kit import atomic, files, manifest
from clsfw.kit.disk import explained
from clsfw.kit.lock import locked
from clsfw.store import place
from clsfw.store.checkpoints import Checkpoints
from clsfw.store.history import NAME as HISTORY
from clsfw.store.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

State = Literal["new", "running", "interrupted", "failed", "complete"]
_STATES: tuple[State, ...] = ("new", "running", "interrupted", "failed", "complete")
_SCHEMA = 1

RECORD = place.RECORD
MANIFEST = "manifest.json"
CHECKPOINTS = "checkpoints"
MODEL = "model"
MODEL_CARD = f"{MODEL}/README.md"
FILES = (
    "recipe.toml",
    "resolved.toml",
    "metrics.json",
    "timings.json",
    "predictions.csv",
    "seen_texts.npy",
    "report.html",
    "parity.json",
    "README.md",
)
"""The names that a run may write; no name ever comes out of data, labels or plugins."""

_PROVEN = (*FILES, HISTORY, MODEL)


def _silent(_: str) -> None:
    pass


class RunDirectory:
    """An open run directory, held by this process alone."""

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, fresh: bool = False, warn: Callable[[str], None] = _silent) -> Iterator[RunDirectory]:
        """Open a run directory, made if missing; `fresh` moves what is there aside to `NAME.old-1` and so on.

        Raises:
            RunDirectoryError: the place is not fit for a run, holds something else, or a damaged `run.json`.
            LockedError: another process is at work there.
            HostError: the operating system refused.

        """
        path = place.checked(path)
        with ExitStack() as stack:
            if fresh and place.is_run(path) and not _untouched(path):
                # Held to the end: who waited for the old directory's lock must not take it for the new one's.
                stack.enter_context(locked(path))
                place.move_aside(path)
            with explained(path):
                files.make_directories(path)
            stack.enter_context(locked(path))
            yield cls(path, warn)

    def __init__(self, path: Path, warn: Callable[[str], None] = _silent) -> None:
        """Take over a directory that is locked; everybody else calls `open`."""
        self.path = path
        self.history = History(path / HISTORY)
        self.checkpoints = Checkpoints(path / CHECKPOINTS, self.history, warn)
        atomic.remove_leftovers(path)
        atomic.remove_leftovers(path / CHECKPOINTS)
        self.record: dict[str, Any] = {"schema": _SCHEMA, "state": "new"}
        if place.is_run(path):
            self.record = _read_record(path)
        else:
            atomic.write_json(path / RECORD, self.record)
        if self.state == "complete":
            atomic.remove_directory(path / CHECKPOINTS)  # where a crash came between the last write and this

    @property
    def state(self) -> State:
        """The state in run.json; "running" in a directory just opened means that the run was killed."""
        return cast("State", self.record["state"])

    def update(self, **fields: object) -> None:
        """Set fields of run.json.

        Raises:
            HostError: the operating system refused.

        """
        if fields.get("state", "new") not in _STATES[:-1]:
            raise ValueError(f"{fields['state']!r} is not a state to set; complete() alone completes a run")
        self._replace_record({**self.record, **fields})

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write one of the `FILES` at once.

        Raises:
            HostError: the operating system refused.

        """
        atomic.write_bytes(self._target(name, FILES), data)

    def write_text(self, name: str, text: str) -> None:
        """Write one of the `FILES`, or the model's own card, at once as UTF-8; as `write_bytes`."""
        atomic.write_text(self._target(name, (*FILES, MODEL_CARD)), text)

    def write_pieces(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write one of the `FILES` at once, without all of it in memory; as `write_bytes`."""
        atomic.write_pieces(self._target(name, FILES), pieces)

    def write_json(self, name: str, value: object) -> None:
        """Write one of the `FILES` at once as JSON; as `write_bytes`."""
        atomic.write_json(self._target(name, FILES), value)

    def staged(self, name: str) -> AbstractContextManager[Path]:
        """Return an empty directory that becomes `model` when the block ends well; as `atomic.staged_directory`."""
        return atomic.staged_directory(self._target(name, (MODEL,)))

    def complete(self, **fields: object) -> None:
        """Read all that was written and keep its hashes, say so in run.json as the last write, remove the checkpoints.

        Raises:
            HostError: the operating system refused.

        """
        self._writable()
        self.history.finish()
        with explained(self.path, "read"):
            found = manifest.take(self.path, _PROVEN)
        atomic.write_json(self.path / MANIFEST, {"schema": _SCHEMA, "files": found})
        with explained(self.path / MANIFEST, "read"):
            digest = manifest.sha256(self.path / MANIFEST)
        self._replace_record({**self.record, **fields, "manifest": digest, "state": "complete"})
        atomic.remove_directory(self.path / CHECKPOINTS)

    def _replace_record(self, record: dict[str, Any]) -> None:
        self._writable()
        atomic.write_json(self.path / RECORD, record)
        self.record = record

    def _target(self, name: str, known: tuple[str, ...]) -> Path:
        self._writable()
        if name not in known:
            raise ValueError(f"{name!r} is not among what a run writes: {', '.join(known)}")
        return self.path / name

    def _writable(self) -> None:
        if self.state == "complete":
            raise RuntimeError(f"{self.path} is complete; nothing may be written there any more")


def free_checkpoints(path: Path) -> None:
    """Remove checkpoints, and what crashes left, of a run that no process is at work on; one not ended starts over.

    Raises:
        LockedError: a process is at work there.
        HostError: the operating system refused.

    """
    with locked(path), explained(path / CHECKPOINTS, "remove"):
        atomic.remove_directory(path / CHECKPOINTS)
        atomic.remove_leftovers(path)


def read_run(path: Path, *, allow_incomplete: bool = False, verify: bool = True) -> dict[str, Any]:
    """Return the content of run.json for a reader: only of a complete run whose files all match their hashes.

    `allow_incomplete` also takes a run that did not end, whose files cannot be proven; `verify=False` skips the hashes.

    Raises:
        RunDirectoryError: there is no run, it is not complete, or files were changed; the message says which.

    """
    try:
        is_directory, is_run = path.is_dir(), place.is_run(path)
        if is_run:
            (path / RECORD).open("rb").close()  # a file that this user may not read is not a damaged one
    except OSError as exc:  # such as a text given in the place of the run, which is too long for a name
        reason = (exc.strerror or str(exc)).lower()
        raise RunDirectoryError(f"{path} cannot be read: {reason}; give the directory of a run") from exc
    if not is_directory:
        raise RunDirectoryError(f"{path} is not a directory; give the directory of a run")
    if not is_run:
        raise RunDirectoryError(f"{path} is not a run directory: it holds no {RECORD}")
    record = _read_record(path)
    if record["state"] == "complete":
        if verify:
            _verify(path, record.get("manifest"))
    elif not allow_incomplete:
        raise RunDirectoryError(
            f"{path} is not complete: its state is {record['state']!r}; the same `clsfw run` command continues it"
        )
    return record


def _untouched(path: Path) -> bool:
    """Return whether nothing but an empty record was ever written."""
    return (manifest.read(path / RECORD) or {}).get("state") == "new"


def _read_record(path: Path) -> dict[str, Any]:
    record = manifest.read(path / RECORD)
    if record is None or record.get("state") not in _STATES or not isinstance(record.get("fixed", {}), dict):
        raise RunDirectoryError(
            f"{path / RECORD} cannot be read as the record of a run; --fresh moves the directory aside and starts over"
        )
    if record.get("schema") != _SCHEMA:
        raise RunDirectoryError(
            f"{path / RECORD} has schema {record.get('schema')!r}, and this version of clsfw reads {_SCHEMA}; "
            "use the version that wrote it"
        )
    return record


def _verify(path: Path, digest: object) -> None:
    facts = manifest.read(path / MANIFEST)
    expected = facts.get("files") if facts else None
    if not isinstance(expected, dict) or manifest.sha256(path / MANIFEST) != digest:
        raise RunDirectoryError(f"{path / MANIFEST} is missing or was changed, so nothing here can be proven")
    wrong = manifest.differences(path, expected, _PROVEN)
    if wrong:
        raise RunDirectoryError(f"{path} is not what the run wrote: {'; '.join(wrong)}")
