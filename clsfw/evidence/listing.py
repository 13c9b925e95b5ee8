"""Looks at a folder of runs: what each is, how far it came, and what it takes of the disk."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clsfw.errors import RunDirectoryError
from clsfw.evidence import content
from clsfw.evidence.metrics import METRICS, scores_by_split
from clsfw.kit.atomic import PREFIX
from clsfw.kit.disk import explained
from clsfw.kit.lock import is_locked
from clsfw.store import place
from clsfw.store.history import read_history
from clsfw.store.rundir import CHECKPOINTS, read_run

if TYPE_CHECKING:
    from pathlib import Path

KILLED = "killed"
BROKEN = "broken"


@dataclass(frozen=True)
class ListedRun:
    """One run, from what its directory says; nothing is proven by hashes here.

    `state` is one of new, running, interrupted, failed, complete, as in `run.json`; or killed (running says its record,
    and no process holds it), or broken, and then `problem` says why. `scores` and `limits` are those of `split`; `step`
    is the last that was logged, `started` an ISO time; sizes are in bytes.
    """

    directory: Path
    state: str
    problem: str = ""
    started: str | None = None
    data: str = ""
    model: str = ""
    split: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    limits: dict[str, list[float]] = field(default_factory=dict)
    step: int | None = None
    bytes: int = 0
    checkpoint_bytes: int = 0

    @property
    def began(self) -> datetime | None:
        """When the run was started first."""
        try:
            return None if self.started is None else datetime.fromisoformat(self.started)
        except ValueError:
            return None

    def to_json(self) -> dict[str, Any]:
        """Return it for `clsfw runs --json`."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**values, "directory": str(self.directory)}


def find_runs(folder: Path) -> list[ListedRun]:
    """Return the run in a folder, or all those directly in it, the latest first.

    Raises:
        RunDirectoryError: there is no such folder.
        HostError: the operating system does not let us look.

    """
    with explained(folder, "read"):
        if not folder.is_dir():
            raise RunDirectoryError(f"{folder} is not a directory; give a run, or a folder of runs")
        paths = [folder] if place.is_run(folder) else sorted(p for p in folder.iterdir() if _may_be_run(p))
        runs = [look(path) for path in paths]
    return sorted(runs, key=lambda run: run.started or "", reverse=True)


def _may_be_run(path: Path) -> bool:
    """Return whether a run has begun here; a folder that this user may not enter is named, and stops no listing."""
    try:
        return place.is_run(path)
    except PermissionError:
        return True


def look(path: Path) -> ListedRun:
    """Return what is to be said of one run directory; whatever is wrong with it makes it a broken run."""
    # What is called `.tmp-*` was left by a crash, perhaps while checkpoints were removed.
    removable = [path / CHECKPOINTS, *path.glob(f"{PREFIX}*")]
    sizes: dict[str, Any] = {"bytes": _size(path), "checkpoint_bytes": sum(map(_size, removable))}
    try:
        record = read_run(path, allow_incomplete=True, verify=False)
        state = record["state"]
        known: dict[str, Any] = {"started": record.get("started"), **sizes}
        if state == "new":
            return ListedRun(path, state, **sizes)
        trained = content.read_json(path / place.RECORD, content.RUN)
        recipe = trained["fixed"]["recipe"]
        known |= {"data": _component(recipe, "data", "source"), "model": _component(recipe, "model", "checkpoint")}
        if state != "complete":
            lines = read_history(path / "history.jsonl")
            known["step"] = lines[-1]["step"] if lines else None
            if state == "running" and not is_locked(path):
                state = KILLED
            return ListedRun(path, state, problem=record.get("error") or "", **known)
        metrics = content.read_json(path / "metrics.json", METRICS)
        split, scores = list(scores_by_split(metrics).items())[-1]
        return ListedRun(path, state, split=split, scores=scores, limits=metrics["intervals"][split], **known)
    except RunDirectoryError as exc:
        return ListedRun(path, BROKEN, problem=str(exc), **sizes)


def _component(recipe: dict[str, Any], section: str, detail: str) -> str:
    table = recipe.get(section)
    if not isinstance(table, dict):
        return ""
    return " ".join(str(table[key]) for key in ("use", detail) if isinstance(table.get(key), str))


def _size(path: Path) -> int:
    total = 0
    if not os.access(path, os.R_OK | os.X_OK):
        return 0
    for file in path.rglob("*"):
        try:
            total += file.lstat().st_size if file.is_file() else 0
        except OSError:  # removed meanwhile, as a run at work does with its checkpoints
            continue
    return total
