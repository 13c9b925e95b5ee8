"""What an executor costs: folders of parts labelled here, by processes, and on Ray, with the same short texts.

    python tests/bench/scale.py RUN --texts 100000 --repeats 3 --output tests/bench/results/scale.json

Each arm is a process of its own, and the arms take turns. Start-up is the time until the first rows are labelled; the
rate is that of the rows after these. Memory is that of the largest worker, and of the command itself. Processor time is
that of all workers, and of the command; unlike the rate it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from measure import machine, write_json

WORDS = ["a", "the", "of", "it", "was", "and", "film", "plot", "good", "bad", "dull", "fine", "awful", "great", "story"]
ARMS = {"here": None, "local 1": ("local", 1), "local 2": ("local", 2), "ray 1": ("ray", 1), "ray 2": ("ray", 2)}
FILES = 16


def write_texts(folder: Path, texts: int) -> None:
    """Write short texts, 20 words on average, into files of the same size."""
    rng = random.Random(7)
    folder.mkdir(parents=True)
    for file in range(FILES):
        with (folder / f"{file:02}.jsonl").open("w", encoding="utf-8") as lines:
            for row in range(file * texts // FILES, (file + 1) * texts // FILES):
                text = " ".join(rng.choices(WORDS, k=rng.randint(10, 30)))
                lines.write(json.dumps({"id": row, "text": text}) + "\n")


class Clock:
    """A reporter that keeps when it heard of how many rows."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, int]] = []

    def note(self, text: str) -> None:
        """Show nothing."""

    def warn(self, text: str) -> None:
        """Show nothing."""

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        self.heard.append((time.monotonic(), done))


class Watch(threading.Thread):
    """Looks at the memory of the workers in a folder, and of this process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.own = self.worker = 0.0
        self.processor: dict[int, float] = {}

    def run(self) -> None:
        while True:
            self.own = max(self.own, megabytes(os.getpid()))
            for process in Path("/proc").iterdir():
                if process.name.isdecimal() and self._is_worker(process):
                    pid = int(process.name)
                    self.worker = max(self.worker, megabytes(pid))
                    self.processor[pid] = max(self.processor.get(pid, 0.0), processor_seconds(pid))
            time.sleep(0.2)

    def _is_worker(self, process: Path) -> bool:
        try:
            command = (process / "cmdline").read_bytes()
            return b"clsfw_executors.process" in command and (process / "cwd").readlink() == self.folder
        except OSError:
            return False


def megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one(arm: str, run: str, folder: Path) -> dict[str, Any]:
    """Label once, in this process; the folder holds the input."""
    began = time.monotonic()
    from clsfw.bulk.crew import Crew
    from clsfw.bulk.predict_folder import predict_folder
    from clsfw.bulk.task import Asked

    os.chdir(folder)
    clock, watch = Clock(), Watch(folder)
    watch.start()
    where = ARMS[arm]
    done = predict_folder(Asked(run, "in", "out/"), clock, Crew(*where) if where else None)
    ended = time.monotonic()
    first, rows = clock.heard[0]
    return {
        "arm": arm,
        "texts": done.rows,
        "seconds": ended - began,
        "startup_seconds": first - began,
        "texts_per_second": (done.rows - rows) / (clock.heard[-1][0] - first),
        "worker_megabytes": watch.worker,
        "command_megabytes": watch.own,
        "worker_processor_seconds": sum(watch.processor.values()),
        "command_processor_seconds": sum(os.times()[:2]),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--texts", type=int, nargs="+", default=[100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--output", type=Path)
    parser.add_argument("--one", choices=list(ARMS), help="for the processes that this one starts")
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    run = str(Path(args.run).absolute())
    if args.one:
        print(json.dumps(one(args.one, run, args.folder)))
        return
    report: dict[str, Any] = {"machine": machine(products=False), "load": os.getloadavg(), "found": []}
    for texts in args.texts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            write_texts(folder / "in", texts)
            for _ in range(args.repeats):
                for arm in args.arms:
                    command = [sys.executable, __file__, run, "--one", arm, "--folder", str(folder)]
                    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                    report["found"].append(json.loads(answer.splitlines()[-1]))
                    print(answer.splitlines()[-1], flush=True)
                    shutil.rmtree(folder / "out")
                    if args.output is not None:
                        write_json(args.output, report)
        for arm in args.arms:
            rates = [f["texts_per_second"] for f in report["found"] if (f["arm"], f["texts"]) == (arm, texts)]
            print(f"{texts:,} texts, {arm}: {statistics.median(rates):,.0f} texts a second", flush=True)


if __name__ == "__main__":
    main()
