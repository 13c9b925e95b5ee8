"""Proves and measures `gpu-trainer` on a CUDA device: one command, within the minutes given, a short table last.

First correctness: packed against padded input, the attention kernel, resume, repetition. Then speed: the notebook
script, `hf-trainer` and `gpu-trainer` on the published job, taking turns. Then accuracy over seeds with a real
checkpoint. What does not fit into the time is left out and named. Raw results go to a JSON file.

    python tests/bench/gpu.py --data reviews.csv.bz2 --checkpoint MINILM_FOLDER --output tests/bench/results/h100.json
    python tests/bench/gpu.py ... --smoke      # the same in small, on any machine
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from correctness import check_all
from measure import Job, described, machine, random_distilbert, rates, run_arm, table, work

STARTED = time.monotonic()
SPEED = ("notebook", "gpu-trainer", "notebook-bf16", "hf-trainer")
SEEDS = (42, 43, 44)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=lambda text: str(Path(text).resolve()), required=True)
    parser.add_argument("--checkpoint", type=lambda text: str(Path(text).resolve()), required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.5, help="nothing is started that would not end by then")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", choices=("correctness", "speed", "accuracy"))
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that it runs")
    return parser.parse_args()


class Bench:
    """The report so far, and the time that is left."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.took: dict[str, float] = {}
        self.report: dict[str, Any] = {"command": sys.argv, "machine": machine(), "runs": [], "left_out": []}

    def left(self) -> float:
        return self.options.minutes * 60 - (time.monotonic() - STARTED)

    def run(self, part: str, arm: str, job: Job) -> None:
        """Run an arm if it will end in time, as far as its last run can tell."""
        key = f"{part} {arm}"
        if self.took.get(key, 0.0) > self.left() or self.left() < 5:
            self.report["left_out"].append(key)
            return
        result = run_arm(arm, job, limit=self.left())
        self.took[key] = result["wall_seconds"]
        self.report["runs"].append({"part": part, **result})
        print(f"{key}: {result['wall_seconds']:.1f} s{' failed' if 'failed' in result else ''}", flush=True)
        self.save()

    def save(self) -> None:
        self.options.output.parent.mkdir(parents=True, exist_ok=True)
        self.options.output.write_text(json.dumps(self.report, indent=2) + "\n")

    def part(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self.report["runs"] if run["part"] == name]


def main() -> None:
    options = arguments()
    if options.smoke:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    bench = Bench(options)
    sizes = {"batch": 4, "steps": 4, "eval_steps": 2, "rows": 32, "eval_rows": 8, "test_rows": 16, "max_length": 32}
    full = Job(options.data, options.checkpoint, **(sizes if options.smoke else {}))
    if options.only in {None, "correctness"}:
        bench.report["correctness"] = check_all()
        bench.save()
    with tempfile.TemporaryDirectory() as name:
        tiny = {"n_layers": 1, "dim": 32, "n_heads": 2, "hidden_dim": 64} if options.smoke else {}
        job = replace(full, checkpoint=random_distilbert(options.checkpoint, Path(name), **tiny))
        bench.report |= {"job": described(job), **work(job)}
        # One turn of speed, then accuracy, then the other turns: what is cut off at the end is what is worth least.
        for turn in range(1 if options.smoke else options.repeat):
            if options.only in {None, "speed"}:
                for arm in SPEED:
                    bench.run("speed", arm, job)
            if turn == 0 and options.only in {None, "accuracy"}:
                for seed in SEEDS[: 1 if options.smoke else None]:
                    for arm in ("gpu-trainer", "hf-trainer-bf16"):
                        bench.run("accuracy", arm, replace(full, learning_rate=5e-5, seed=seed))
    bench.save()
    show(bench)


def show(bench: Bench) -> None:
    report = bench.report
    print(f"\n{report['machine']['gpu'] or report['machine']['cpu']}, torch {report['machine']['versions']['torch']}")
    for name, outcome in report.get("correctness", {}).items():
        print(f"{'ok  ' if outcome['ok'] else 'FAIL'} {name}: {outcome['detail']}")
    if bench.part("speed"):
        print("\nspeed, DistilBERT with random weights (medians)\n" + table(bench.part("speed")))
        print(rates(report, bench.part("speed")))
    if bench.part("accuracy"):
        print("\naccuracy, real checkpoint, one run for each seed\n" + table(bench.part("accuracy")))
    if report["left_out"]:
        print(f"\nleft out for want of time: {', '.join(report['left_out'])}")


if __name__ == "__main__":
    main()
