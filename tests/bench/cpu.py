"""Compares the arms side by side on this machine's CPU: the notebook script, `hf-trainer` and `gpu-trainer` by recipe.

The arms take turns, each in a process of its own with an empty cache, so that a noisy neighbour hits all of them. Raw
results go to a JSON file after every run, a short table to the terminal.

    python tests/bench/cpu.py --data reviews.csv.bz2 --checkpoint FOLDER --output tests/bench/results/cpu.json
    python tests/bench/cpu.py ... --steps 4 --rows 256 --eval-rows 128 --test-rows 256      # a share of the job
    python tests/bench/cpu.py ... --random-distilbert --batch 32      # DistilBERT's sizes, the checkpoint's vocabulary
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from measure import ARMS, Job, described, machine, random_distilbert, rates, run_arm, table, work, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for field in fields(Job):
        kind = {"str": str, "int": int, "float": float}[str(field.type)]
        name = f"--{field.name.replace('_', '-')}"
        if field.name in {"data", "checkpoint"}:
            parser.add_argument(name, type=lambda text: str(Path(text).resolve()), required=True)
        else:
            parser.add_argument(name, type=kind, default=field.default)
    parser.add_argument("--random-distilbert", action="store_true")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["notebook", "hf-trainer", "gpu-trainer"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--vary-seed", action="store_true", help="each turn takes the next seed, to compare accuracies")
    parser.add_argument("--limit", type=float, help="seconds after which an arm is given up")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    job = Job(**{field.name: getattr(options, field.name) for field in fields(Job)})

    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with tempfile.TemporaryDirectory() as name:
        if options.random_distilbert:
            job = replace(job, checkpoint=random_distilbert(job, Path(name)))
        report = measured(job, options)
    print(table(report["runs"]))
    print(rates(report, report["runs"]))


def measured(job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """Run the arms in turns; what is there so far is in the output file at any time."""
    report = {
        "command": sys.argv,
        "machine": machine(),
        "job": described(job),
        **work(job),
        "runs": [],
    }
    for turn in range(options.repeat):
        for arm in options.arms:
            seed = job.seed + (turn if options.vary_seed else 0)
            result = run_arm(arm, replace(job, seed=seed), options.limit)
            report["runs"].append({"turn": turn, "load": os.getloadavg(), **result})
            write_json(options.output, report)
            print(f"turn {turn}: {arm}: {result['wall_seconds']:.1f} s", flush=True)
    return report


if __name__ == "__main__":
    main()
