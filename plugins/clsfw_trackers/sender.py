"""The sender: a process of its own, which reads the records of a run as they are written, and owns the client library.

It is started as `python -m clsfw_trackers.sender FOLDER PARENT WAIT`. When the process of the run dies it sends what
was written, takes `WAIT` seconds at most for that, and removes the folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw_trackers.clients import CLIENTS
from clsfw_trackers.watcher import PROGRESS, SPOOL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw_trackers.clients import Client

_LOOK = 0.2  # seconds
_LONGEST_ERROR = 300  # characters
_SHORTEST_SECRET = 6  # characters; a shorter value would blank out words of the message
_SECRET = re.compile("key|token|password|secret|credential", re.IGNORECASE)
_IN_URL = re.compile(r"://[^/\s@]*@")


def main(folder: Path, parent: int, wait: float) -> int:
    """Send the records in a folder, and outlive the run's process for `wait` seconds at most; return the exit code."""
    threading.Thread(target=_outlive, args=(folder, parent, wait), daemon=True).start()
    try:
        return send_all(folder, parent)
    finally:
        _remove_if_orphaned(folder, parent)


def send_all(folder: Path, parent: int) -> int:
    """Send the records in a folder until the last one; return the exit code."""
    progress: dict[str, Any] = {"sent": 0}
    try:
        client: Client | None = None
        for batch in _batches(folder / SPOOL, parent):
            if client is None:
                client = CLIENTS[batch[0]["tracker"]](batch.pop(0))
                progress["sent"] += 1
                progress.update(client.about())
            client.send([record for record in batch if record["kind"] == "values"])
            if batch and batch[-1]["kind"] == "end":
                client.finish(batch[-1])
                progress.pop("kept", None)
            progress["sent"] += len(batch)
            _tell(folder, progress)
    except Exception as exc:  # noqa: BLE001  # whatever a client library raises is told by the run
        _tell(folder, {**progress, "error": without_secrets(f"{type(exc).__name__}: {exc}")})
        return 1
    return 0


def without_secrets(text: str) -> str:
    """Return the first line of a message, without passwords in addresses and the values of secret variables."""
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return _IN_URL.sub("://***@", first)[:_LONGEST_ERROR]


def _batches(file: Path, parent: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the records that were written since the last look, the last one being of kind `end`."""
    position = 0
    while True:
        alive = os.getppid() == parent  # before the look: what a dead process wrote is all there
        data = file.read_bytes()[position:] if file.exists() else b""
        lines = data[: data.rfind(b"\n") + 1]
        position += len(lines)
        batch = [json.loads(line) for line in lines.splitlines()]
        if not alive and not (batch and batch[-1]["kind"] == "end"):
            batch.append({"kind": "end", "state": "killed", "tags": {"clsfw.state": "killed"}})
        if batch:
            yield batch
        if batch and batch[-1]["kind"] == "end":
            return
        time.sleep(_LOOK)


def _tell(folder: Path, progress: dict[str, Any]) -> None:
    """Say how far this process is, to the process of the run."""
    if folder.exists():
        partial = folder / f"{PROGRESS}.partial"
        partial.write_text(json.dumps(progress), encoding="utf-8")
        partial.replace(folder / PROGRESS)


def _outlive(folder: Path, parent: int, wait: float) -> None:
    """End this process and its group when the run's process has been dead for a while, whatever hangs in the client."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    time.sleep(wait)
    _remove_if_orphaned(folder, parent)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _remove_if_orphaned(folder: Path, parent: int) -> None:
    if os.getppid() != parent:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
