"""Measures how many rows per second a large CSV file is read, cut, counted and compared at, and in how much memory.

The file is made on the spot: short texts of a seeded generator, 77 classes, about 200 bytes a row, so that ten million
rows are two gigabytes. Each job is a process of its own; the first finds an empty cache. Raw results go to a JSON file:
seconds, seconds of the processor (what it would take alone on the machine), and the most memory in MiB that is no
mapped file.

    python tests/bench/rows.py --rows 10000000 --output tests/bench/results/rows.json
    python tests/bench/rows.py --rows 1000000 --methods stratified --output rows.json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measure import machine, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

METHODS = ("in-order", "random", "stratified", "by-text")
CLASSES = 77
BYTES_A_ROW = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--folder", type=Path, help="keep the files and the cache here, for another time")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(Path(options.child[0]), options.child[1])
        return
    report: dict[str, Any] = {
        "command": sys.argv,
        "machine": machine(products=False),
        "load": os.getloadavg(),
        "runs": [],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        for rows in options.rows:
            file = folder / f"{rows}.csv"
            if not file.exists():
                write_rows(file, rows)
            for method in options.methods:
                run = {"rows": rows, "bytes": file.stat().st_size, "method": method, "stages": {}}
                report["runs"].append(run)
                for stage, seen in stages_of(file, method, folder / f"cache-{rows}"):
                    run["stages"][stage] = seen
                    write_json(options.output, report)
                    rates = f"{rows / seen['seconds']:10,.0f} rows/s, {rows / seen['cpu_seconds']:10,.0f} alone"
                    told = f"{rows:>11,} {method:<11} {stage:<6} {seen['seconds']:8.1f} s {rates}"
                    print(f"{told} {seen['anonymous_mib']:8,.0f} MiB", flush=True)


def stages_of(file: Path, method: str, cache: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Do all stages in a process of their own; with a table in the cache `read` parses nothing."""
    env = {**os.environ, "CLSFW_CACHE": str(cache)}
    command = [sys.executable, __file__, "--output", os.devnull, "--child", str(file), method]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            yield from json.loads(line).items()
    if child.returncode:
        raise SystemExit(f"{method} of {file} failed")


def write_rows(file: Path, rows: int) -> None:
    """Write a CSV file with a header; every hundredth text stands twice."""
    draw = random.Random(7)
    words = [f"w{number:x}" for number in range(50_000)]
    stock = [" ".join(draw.choices(words, k=33))[: BYTES_A_ROW - 24] for _ in range(5000)]
    with file.open("w", encoding="utf-8") as out:
        out.write("text,label\n")
        for row in range(rows):
            if row % 100 != 99:  # else the text of the row before
                text = f"{row} {stock[draw.randrange(5000)]}"
            out.write(f"{text},intent_{row % CLASSES:02}\n")


def measure(file: Path, method: str) -> None:
    """Do what `clsfw check` does with a file; prints the seconds of each stage and the most memory.

    `count` and `hash` are for run.json, `leaks` looks for texts that are in two splits or have two labels.
    """
    from clsfw.engine.splits import make_splits
    from clsfw.evidence.leakage import find_leaks, hash_texts
    from clsfw.kit.data import labels_of
    from clsfw.kit.labels import label_counts, references
    from clsfw.kit.pairs import fingerprint, texts_of
    from clsfw.recipe.schema import Split
    from clsfw_csv import CsvSettings
    from clsfw_csv.source import FileSource

    class Silent:
        def note(self, text: str) -> None: ...
        def warn(self, text: str) -> None: ...
        def progress(self, what: str, done: int, total: int | None, unit: str) -> None: ...

    split = {"method": "stratified", "group_by": "text"} if method == "by-text" else {"method": method}
    with stage("read"):
        data = FileSource(CsvSettings(source=str(file))).load(Silent())
    with stage("cut"):
        labels = labels_of(data, "bench")
        given = Split.model_validate({**split, "train": 0.8, "validation": 0.1, "test": 0.1})
        parts = make_splits(data, given, labels, 42, "bench")
    with stage("count"):
        counted = {name: label_counts(part, labels) for name, part in parts.items()}
    with stage("hash"):
        for part in parts.values():
            fingerprint(part)
    with stage("leaks"):
        found, _ = find_leaks(
            {name: hash_texts(texts_of(part)) for name, part in parts.items()},
            {name: references(part, labels) for name, part in parts.items()},
            {name: part["row"] for name, part in parts.items()},
        )
    whole = sum(map(len, parts.values()))
    assert found["duplicates_in_train"]["exact"] or whole < 1000  # a hundredth stands twice
    assert sum(sum(counts.values()) for counts in counted.values()) == whole


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a stage, and look at the memory ten times a second."""
    over, most = threading.Event(), [anonymous()]

    def watch() -> None:
        while not over.wait(0.1):
            most.append(max(anonymous(), most.pop()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, worked = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
        over.set()
        watcher.join()
        seen = {"seconds": round(seconds, 3), "cpu_seconds": round(worked, 3), "anonymous_mib": round(most[0], 1)}
        print(json.dumps({name: seen}), flush=True)


def anonymous() -> float:
    """Return the memory of this process that no file backs, in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
