"""The event file: opened for each record, so that nothing is lost when the run is killed and no state is kept here."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from clsfw import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_VERSION = "brain.Event:2"  # what every event file begins with


def event_file(run_directory: Path) -> Path:
    """Return the event file of a run; TensorBoard looks for `tfevents` in the name."""
    run = run_directory.resolve()
    return run.parent / "tensorboard" / run.name / "events.out.tfevents.clsfw"


def begin(run_directory: Path) -> None:
    """Empty the event file of a run.

    Raises:
        HostError: the file cannot be written.

    """
    with _open(run_directory, "wb") as stream:
        stream.truncate()


def append(run_directory: Path, step: int, group: str, values: Mapping[str, float]) -> None:
    """Add one record; the first one of a process is preceded by the history of the run before it.

    Raises:
        HostError: the file cannot be written.

    """
    with _open(run_directory, "ab") as stream:
        if stream.tell() == 0:
            _write(stream, Event(wall_time=time.time(), file_version=_VERSION))
            for earlier in _history(run_directory):
                if earlier != (step, group, dict(values)):
                    _write(stream, _event(*earlier))
        _write(stream, _event(step, group, values))


def last_step(run_directory: Path) -> int:
    """Return the last step that the run recorded; 0 if there is none."""
    return max((step for step, _, _ in _history(run_directory)), default=0)


@contextmanager
def _open(run_directory: Path, mode: Literal["ab", "wb"]) -> Iterator[BinaryIO]:
    file = event_file(run_directory)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open(mode) as stream:
            yield stream
    except OSError as exc:
        raise HostError(f"plugin 'tensorboard' cannot write {file}: {exc}") from exc


def _history(run_directory: Path) -> Iterator[tuple[int, str, dict[str, float]]]:
    history = run_directory / "history.jsonl"
    if not history.exists():
        return
    for line in history.read_text(encoding="utf-8").split("\n")[:-1]:  # labels may hold other line ends
        record: dict[str, Any] = json.loads(line)
        yield int(record.pop("step")), str(record.pop("split", "train")), record


def _event(step: int, group: str, values: Mapping[str, float]) -> Event:
    scalars = [Summary.Value(tag=f"{group}/{name}", simple_value=float(value)) for name, value in values.items()]
    return Event(wall_time=time.time(), step=step, summary=Summary(value=scalars))


def _write(stream: BinaryIO, event: Event) -> None:
    RecordWriter(stream).write(event.SerializeToString())
