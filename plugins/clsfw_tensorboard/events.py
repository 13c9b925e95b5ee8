"""The event file: opened for each record, so that nothing is lost when the run is killed and no state is kept here."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from clsfw import HostError, Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clsfw import WatchedRun

_VERSION = "brain.Event:2"  # what every event file begins with


class Events(Watcher):
    """Writes logged steps under `train/`, and evaluations under the name of their split."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory

    def on_run_start(self, run: WatchedRun) -> None:
        """Start over: a continued run writes its history again, without the steps that it lost.

        Raises:
            HostError: the file cannot be written.

        """
        with self._open(run, "wb") as stream:
            stream.truncate()

    def on_step(self, run: WatchedRun, step: int, values: Mapping[str, float]) -> None:
        """Write a logged step."""
        self._append(run, step, "train", values)

    def on_evaluate(self, run: WatchedRun, split: str, scores: Mapping[str, float]) -> None:
        """Write an evaluation; one at the end is at the last step that was recorded."""
        values = dict(scores)
        step = values.pop("step", None)
        if step is None:
            step = max((earlier for earlier, _, _ in _history(run.directory)), default=0)
        self._append(run, int(step), split, values)

    def _append(self, run: WatchedRun, step: int, group: str, values: Mapping[str, float]) -> None:
        """Add one record; the first one of a process is preceded by the history of the run before it."""
        with self._open(run, "ab") as stream:
            if stream.tell() == 0:
                _write(stream, Event(wall_time=time.time(), file_version=_VERSION))
                for earlier in _history(run.directory):
                    if earlier != (step, group, dict(values)):
                        _write(stream, _event(*earlier))
            _write(stream, _event(step, group, values))

    @contextmanager
    def _open(self, run: WatchedRun, mode: Literal["ab", "wb"]) -> Iterator[BinaryIO]:
        """Open the event file of a run; TensorBoard looks for `tfevents` in the name."""
        own = run.directory.resolve()
        directory = own.parent / "tensorboard" if self._directory is None else Path(self._directory)
        file = directory / own.name / "events.out.tfevents.clsfw"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open(mode) as stream:
                yield stream
        except OSError as exc:
            raise HostError(f"watcher 'tensorboard' cannot write {file}: {exc}") from exc


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
