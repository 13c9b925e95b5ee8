"""How time and memory grow with the rows: ten times as many in each step, through `run`, `predict` and `evaluate`.

    python tests/bench/growth.py --data reviews.csv.bz2 --output tests/bench/results/growth.json
    python tests/bench/growth.py --data reviews.csv.bz2 --output ten-million.json --rows 10000 10000000 \\
        --arms "run tfidf" "predict tfidf" "evaluate tfidf" --limit 3000

Texts are of 5 to 25 words in a row out of the reviews, so they are short, and few are alike. `run` trains TF-IDF
(words) with C = 1 on eight tenths of the rows; a tenth is validation and a tenth test. `predict` and `evaluate` take
TF-IDF and a small transformer that were trained on the smallest file. Each command is a process of its own, a run with
an empty cache. Memory is the most that no file backs (RssAnon, looked at 20 times a second); processor seconds are
those of the command and what it started.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from measure import machine, write_json

CLSFW = [sys.executable, "-m", "clsfw"]
SHARES = (
    "--set",
    "split.method=random",
    "--set",
    "split.train=0.8",
    "--set",
    "split.validation=0.1",
    "--set",
    "split.test=0.1",
)
TFIDF = ("--set", "model.use=tfidf", "--set", "trainer.use=sklearn-fit", "--set", "trainer.C=1.0")
STEPS = ("--set", "trainer.max_steps=120", "--set", "trainer.eval_steps=120", "--set", "trainer.save_steps=120")
ARMS = ("run tfidf", "predict tfidf", "evaluate tfidf", "predict transformer", "evaluate transformer")
READ = 20_000  # reviews


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the movie reviews")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which a command is given up")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    report: dict[str, Any] = {"command": sys.argv, "machine": machine(products=False), "runs": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        first = write_texts(options.data, folder, min(options.rows))
        trained = {"tfidf": folder / "tfidf", "transformer": folder / "transformer"}
        for kind, more in (("tfidf", TFIDF), ("transformer", STEPS)):
            if any(arm.endswith(kind) for arm in options.arms):
                line = command(f"run {kind}", first, trained[kind], more)
                subprocess.run(line, check=True, cwd=folder, env=environment(folder), capture_output=True)
        shutil.rmtree(folder / "cache", ignore_errors=True)
        for rows in options.rows:
            file = write_texts(options.data, folder, rows)
            for arm in options.arms:
                verb, kind = arm.split()
                out = folder / "out"
                line = command(arm, file, out if verb == "run" else trained[kind], TFIDF, out)
                seen = {"arm": arm, "rows": rows, "bytes": file.stat().st_size, **watched(line, folder, options.limit)}
                report["runs"].append(seen)
                write_json(options.output, report)
                print(json.dumps(seen), flush=True)
                shutil.rmtree(out, ignore_errors=True)
                shutil.rmtree(folder / "cache", ignore_errors=True)
            if file != first:
                file.unlink()
    print(table(report["runs"]))


def command(arm: str, file: Path, run: Path, more: tuple[str, ...], out: Path | None = None) -> list[str]:
    """Return the command line of an arm: of a run that goes to `run`, or that uses it."""
    verb = arm.partition(" ")[0]
    if verb == "run":
        source = ("--set", f"data.source={file}", "--set", "data.label_column=label")
        return [*CLSFW, "run", "quickstart", "--out", str(run), *source, *SHARES, *more]
    if verb == "predict":
        return [*CLSFW, "predict", str(run), "--file", str(file), "--output", f"{out}.csv"]
    return [*CLSFW, "evaluate", str(run), "--data", str(file), "--output", str(out)]


def write_texts(data: Path, folder: Path, rows: int) -> Path:
    """Write a CSV file of short texts, each some words in a row of a review, with the review's label."""
    target = folder / f"{rows}.csv"
    if target.exists():
        return target
    draw = random.Random(7)
    with bz2.open(data, "rt", encoding="utf-8", newline="") as file:
        reviews = [(row["review"].split(), row["sentiment"]) for row in islice(csv.DictReader(file), READ)]
    with target.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "label"])
        for _ in range(rows):
            words, label = reviews[draw.randrange(len(reviews))]
            start = draw.randrange(max(1, len(words) - 5))
            out.writerow([" ".join(words[start : start + draw.randint(5, 25)]), label])
    return target


def watched(line: list[str], folder: Path, limit: float) -> dict[str, Any]:
    """Run a command; gives its seconds, the processor's, its most memory, and what a run says of its own time."""
    log = folder / "log.txt"
    with log.open("wb") as stream:
        began, before = time.monotonic(), os.times()
        child = subprocess.Popen(line, env=environment(folder), cwd=folder, stdout=stream, stderr=subprocess.STDOUT)
        most = 0.0
        while child.poll() is None:
            most = max(most, anonymous(child.pid))
            if time.monotonic() - began > limit:
                child.kill()
                child.wait()
                return {"failed": f"given up after {limit:.0f} s", "anonymous_mib": round(most, 1)}
            time.sleep(0.05)
        seconds, after = time.monotonic() - began, os.times()
    if child.returncode:
        return {"failed": f"exit code {child.returncode}", "log": log.read_text(errors="replace")[-2000:]}
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    seen = {"seconds": round(seconds, 2), "cpu_seconds": round(worked, 2), "anonymous_mib": round(most, 1)}
    timings = folder / "out" / "timings.json"
    return {**seen, **({"timings": json.loads(timings.read_text())} if timings.exists() else {})}


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a command, which has its cache in the folder."""
    return {**os.environ, "CLSFW_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}


def anonymous(pid: int) -> float:
    """Return the memory of a process that no file backs, in MiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:")), 0.0)


def table(runs: list[dict[str, Any]]) -> str:
    """Return processor seconds and memory of each arm by rows, as Markdown."""
    rows = list(dict.fromkeys(run["rows"] for run in runs))
    lines = ["| | " + " | ".join(f"{count:,}" for count in rows) + " |", "| --- |" + " --- |" * len(rows)]
    for arm in dict.fromkeys(run["arm"] for run in runs):
        found = {run["rows"]: run for run in runs if run["arm"] == arm}
        cells = [
            found[count].get("failed")
            or f"{found[count]['cpu_seconds']:.1f} s, {found[count]['anonymous_mib']:.0f} MiB"
            for count in rows
            if count in found
        ]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
