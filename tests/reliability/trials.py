"""Disturbs real runs, and compares their ends with that of an undisturbed one, byte for byte.

    python tests/reliability/trials.py kills  --trainer gpu-trainer --count 200
    python tests/reliability/trials.py faults --trainer hf-trainer --kind full-disk --every 5

Prints one JSON object; the exit status is 1 if any trial ended otherwise than the undisturbed run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forks import Forks, hashes

from clsfw.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator


def kills(forks: Forks, count: int, seed: int) -> dict[str, Any]:
    """Kill lives at random moments, each followed by the same command, until `count` were killed."""
    moments = random.Random(seed)
    folder = Path(tempfile.mkdtemp(dir=forks.folder))
    lengths = []
    for name in ("undisturbed", "again"):  # the shorter of two: a busy machine would put most moments after the end
        started = time.monotonic()
        expected = forks.complete(folder / name / "run")
        lengths.append(time.monotonic() - started)
    length = min(lengths)
    killed, runs = 0, 0
    lost: list[str] = []
    while killed < count:
        runs += 1
        out = folder / str(runs) / "run"
        while killed < count:
            life = forks.start(out)
            time.sleep(moments.uniform(0, length))
            os.kill(life.pid, signal.SIGKILL)
            if life.wait() != -signal.SIGKILL:
                break
            killed += 1
            lost += [f"run {runs}, kill {killed}: {words}" for words in _too_early(out, expected)]
        lost += [f"run {runs}: {words}" for words in _wrong_end(forks, out, expected)]
        shutil.rmtree(out.parent)
    return {"kills": killed, "runs": runs, "seconds_of_a_run": round(length, 2), "lost": lost}


def each_operation(forks: Forks, kind: str, every: int, first: int = 1) -> dict[str, Any]:
    """Kill, or fill the disk, at every so-manieth file operation of a run, each followed by the same command."""
    folder = Path(tempfile.mkdtemp(dir=forks.folder))
    expected = forks.complete(folder / "undisturbed" / "run")
    counter = folder / "count"
    forks.start(folder / "counted" / "run", fault={"kind": "count", "file": str(counter)}).wait()
    total, trials = int(counter.read_text()), 0
    lost: list[str] = []
    for at in range(first, total + 1, every):
        trials += 1
        out = folder / str(at) / "run"
        life = forks.start(out, fault={"kind": kind, "at": at})
        code = life.wait()
        told = life.told()
        as_meant = code == -signal.SIGKILL
        if kind == "full-disk":  # the last operations only remove, and that needs no space
            as_meant = code == 0 or (code == 6 and told.count("the disk is full") == 1 and "Traceback" not in told)
        if not as_meant:
            lost.append(f"operation {at}: exit code {code}: {told}")
        lost += [f"operation {at}: {words}" for words in _too_early(out, expected)]
        lost += [f"operation {at}: {words}" for words in _wrong_end(forks, out, expected)]
        shutil.rmtree(out.parent)
    return {"operations": total, "trials": trials, "lost": lost}


def _too_early(out: Path, expected: dict[str, str]) -> Iterator[str]:
    """Say so if a directory that a disturbed life left looks complete and is not."""
    try:
        if hashes(out) != expected:
            yield "looked complete before it was"
    except RunDirectoryError:
        pass


def _wrong_end(forks: Forks, out: Path, expected: dict[str, str]) -> Iterator[str]:
    """Let the same command complete the run, and say so if it ends otherwise."""
    try:
        found = forks.complete(out)
    except (AssertionError, RunDirectoryError) as exc:
        yield str(exc)
    else:
        if found != expected:
            yield f"ended otherwise in {', '.join(name for name in found if found[name] != expected[name])}"


def main() -> int:
    """Run the trials that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["kills", "faults"])
    parser.add_argument("--trainer", default="gpu-trainer", choices=["gpu-trainer", "hf-trainer"])
    parser.add_argument("--count", type=int, default=200, help="how many kills")
    parser.add_argument("--seed", type=int, default=1, help="for the moments of the kills")
    parser.add_argument("--kind", choices=["kill", "full-disk"], default="kill", help="the fault at an operation")
    parser.add_argument("--every", type=int, default=1, help="try each so-manieth operation")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="clsfw-trials-") as folder,
        Forks(Path(folder), options.trainer) as forks,
    ):
        if options.what == "kills":
            found = kills(forks, options.count, options.seed)
        else:
            found = each_operation(forks, options.kind, options.every)
    print(json.dumps({"trainer": options.trainer, **found}, indent=2))
    return 1 if found["lost"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
