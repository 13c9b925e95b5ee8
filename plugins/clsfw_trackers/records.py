"""What is sent of a run: plain records, one JSON line each, made in the run's process and read by the sender."""

from __future__ import annotations

import json
import time
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clsfw import WatchedRun


def start(run: WatchedRun, tracker: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first record: what the run is, and by which settings it is sent."""
    directory = run.directory.resolve()
    resolved = directory / "resolved.toml"
    recipe = tomllib.loads(resolved.read_text(encoding="utf-8")) if resolved.exists() else {}
    recipe.pop("watchers", None)  # they change nothing
    rows = {f"rows.{split}": len(data) for split, data in run.data.items()}
    return {
        "kind": "start",
        "tracker": tracker,
        "settings": {**settings},
        "name": directory.name,
        "group": run.name,
        "parent": str(directory.parent),
        "parameters": {**dict(_flat(recipe)), **rows, "classes": len(run.labels.names)},
        "tags": {"clsfw.directory": str(directory), "clsfw.report": str(directory / "report.html")},
    }


def values(step: int, group: str, given: Mapping[str, float]) -> dict[str, Any]:
    """Return the record of what was logged or scored at a step, as `train/loss` or `test/accuracy`."""
    named = {f"{group}/{name}": float(value) for name, value in given.items()}
    return {"kind": "values", "step": step, "values": named, "time": time.time()}


def history(directory: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of what was logged before the run went on."""
    file = directory / "history.jsonl"
    if not file.exists():
        return
    for line in file.read_text(encoding="utf-8").split("\n")[:-1]:  # labels may hold other line ends
        record: dict[str, Any] = json.loads(line)
        step = int(record.pop("step"))
        yield values(step, str(record.pop("split", "train")), record)


def end(directory: Path, state: str) -> dict[str, Any]:
    """Return the last record; `state` is `complete`, `interrupted` or `failed`."""
    tags = {"clsfw.state": state}
    record = directory / "run.json"
    if state == "complete" and record.exists():
        verdict = json.loads(record.read_text(encoding="utf-8")).get("verdict")
        if verdict:
            tags["clsfw.verdict"] = str(verdict["status"])
    return {"kind": "end", "state": state, "tags": tags}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield `trainer.learning_rate` and its value; other values are written as JSON."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for number, item in enumerate(value):
                yield from _flat(item, f"{prefix}{key}.{number}.")
        else:
            plain = isinstance(value, (str, int, float, bool))
            yield f"{prefix}{key}", value if plain else json.dumps(value, ensure_ascii=False, default=str)
