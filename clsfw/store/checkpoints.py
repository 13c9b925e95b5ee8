"""Checkpoints that are whole or not there, and that are proven before they are used.

A checkpoint is a directory `step-N`: `state/` holds what the trainer wrote, `history.jsonl` the history up to it,
`timings.json` the seconds taken so far, and `checkpoint.json` the step with sha256 and size of every file. A second
commit of the same step is called `step-N-2`, so that the first one stays until the second is there. Numbers decide
which is newest, never clocks.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from clsfw.contract.run import Checkpoint
from clsfw.errors import RunDirectoryError
from clsfw.kit import atomic, files, manifest
from clsfw.kit.disk import explained
from clsfw.store.history import NAME as HISTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from clsfw.store.history import History

_MANIFEST = "checkpoint.json"
_STATE = "state"
_TIMINGS = "timings.json"
_PROVEN = (_STATE, HISTORY, _TIMINGS)
_NAME = re.compile(r"step-(\d+)(?:-(\d+))?")


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, history: History, warn: Callable[[str], None]) -> None:
        self._folder = folder
        self._history = history
        self._warn = warn
        self.timings: Callable[[], Mapping[str, float]] = dict

    def commit(self, step: int, write: Callable[[Path], None], *, keep: int | None = 2) -> None:
        """Keep a state of training: `write(directory)` puts its files into an empty directory.

        History and timings are those of the moment before `write` is called.

        It counts from the moment when all of it is on the disk. Then all but the newest `keep` go (None: all stay).

        Raises:
            HostError: the operating system refused; the checkpoints before this one are untouched.

        """
        if step < 0 or (keep is not None and keep < 1):
            raise ValueError(f"step {step} must not be negative, and keep {keep} not less than 1")
        with explained(self._folder):
            files.make_directories(self._folder)
        # Read before anything is written: a trainer may go on while another of its threads writes.
        history, timings = self._history.content(), json.dumps(dict(self.timings())).encode() + b"\n"
        target = self._folder / self._free_name(step)
        with atomic.staged_directory(target) as stage:
            files.make_directory(stage / _STATE)
            write(stage / _STATE)
            files.create(stage / HISTORY, history)
            files.create(stage / _TIMINGS, timings)
            # Hashing reads everything back, without which nothing older may go; meanwhile the disk is waited for.
            with ThreadPoolExecutor(1) as pool:
                taken = pool.submit(manifest.take, stage, _PROVEN)
                files.sync_tree(stage)
            facts = {"step": step, "files": taken.result()}
            files.create(stage / _MANIFEST, json.dumps(facts, indent=2).encode() + b"\n")
        self._rotate(keep)

    def any(self) -> bool:
        """Return whether a checkpoint was committed, sound or not."""
        return bool(self._committed())

    def size(self) -> int:
        """Count the bytes that the checkpoints hold."""
        with explained(self._folder, "read"):
            return sum(path.lstat().st_size for path in self._folder.rglob("*"))

    def latest(self) -> Checkpoint | None:
        """Return the newest checkpoint that is proven by its hashes, and rewind the history to it.

        Damaged ones that are newer are reported and set aside as `*.broken`. Later calls leave the history alone.

        Raises:
            RunDirectoryError: there are checkpoints, but all are damaged; nothing was changed.
            HostError: the operating system refused.

        """
        broken: list[tuple[Path, list[str]]] = []
        found: Checkpoint | None = None
        for path in reversed(self._committed()):
            problems = _problems(path)
            if not problems:
                timings = manifest.read(path / _TIMINGS) or {}
                found = Checkpoint(_number(path)[0], path / _STATE, timings)
                break
            broken.append((path, problems))
        if broken and found is None:
            raise RunDirectoryError(
                f"{self._folder}: every checkpoint is damaged, so this run cannot go on; nothing was removed:\n"
                + "\n".join(f"    {path.name}: {'; '.join(problems)}" for path, problems in broken)
                + "\n--fresh moves the whole directory aside and starts over"
            )
        for path, problems in broken:
            self._set_aside(path, problems)
        if not self._history.started:
            self._history.rewind(found)
        return found

    def _set_aside(self, path: Path, problems: list[str]) -> None:
        aside = path.with_name(f"{path.name}.broken")
        count = 1
        while aside.exists():
            count += 1
            aside = path.with_name(f"{path.name}.broken-{count}")
        with explained(path, "rename"):
            files.rename(path, aside)
            files.sync(self._folder)
        self._warn(
            f"checkpoint {path.name} is damaged: {'; '.join(problems)}; "
            f"it is kept as {aside.name}, and the one before it is used"
        )

    def _rotate(self, keep: int | None) -> None:
        """Remove repeated commits of a step but the last, and all but the newest `keep` steps."""
        newest = {_number(path)[0]: path for path in self._committed()}
        kept = list(newest.values()) if keep is None else list(newest.values())[-keep:]
        for path in self._committed():
            if path not in kept:
                atomic.remove_directory(path)

    def _committed(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        with explained(self._folder, "read"):
            return sorted((p for p in self._folder.iterdir() if _NAME.fullmatch(p.name)), key=_number)

    def _free_name(self, step: int) -> str:
        same = [count for number, count in map(_number, self._committed()) if number == step]
        return f"step-{step}" if not same else f"step-{step}-{same[-1] + 1}"


def _number(path: Path) -> tuple[int, int]:
    """Return the step and which commit of it this is, from the directory's name."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path} is not named like a checkpoint")
    return int(match[1]), int(match[2] or 1)


def _problems(path: Path) -> list[str]:
    facts = manifest.read(path / _MANIFEST)
    expected = facts.get("files") if facts else None
    if facts is None or not isinstance(expected, dict):
        return [f"{_MANIFEST} is missing or damaged"]
    if facts.get("step") != _number(path)[0]:
        return [f"it holds step {facts.get('step')!r}"]
    return manifest.differences(path, expected, _PROVEN)
