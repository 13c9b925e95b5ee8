"""Compares the arms side by side on this machine's CPU: the notebook script, `hf-trainer` and `gpu-trainer` by recipe.

The arms take turns, each in a process of its own with an empty cache, so that a noisy neighbour hits all of them. Raw
results go to a JSON file after every run, a short table to the terminal.

    python tests/bench/cpu.py --data reviews.csv.bz2 --checkpoint FOLDER --output tests/bench/results/cpu.json
    python tests/bench/cpu.py ... --steps 4 --rows 256 --eval-rows 128 --test-rows 256      # a share of the job
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, fields
from pathlib import Path

from measure import ARMS, Job, machine, run_arm, table, useful_flops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for field in fields(Job):
        kind = {"str": str, "int": int, "float": float}[str(field.type)]
        name = f"--{field.name.replace('_', '-')}"
        if field.name in {"data", "checkpoint"}:
            parser.add_argument(name, type=lambda text: str(Path(text).resolve()), required=True)
        else:
            parser.add_argument(name, type=kind, default=field.default)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["notebook", "hf-trainer", "gpu-trainer"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--limit", type=float, help="seconds after which an arm is given up")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    job = Job(**{field.name: getattr(options, field.name) for field in fields(Job)})

    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    report = {
        "command": sys.argv,
        "machine": machine(),
        "job": asdict(job),
        "useful_flops": useful_flops(job),
        "runs": [],
    }
    for turn in range(options.repeat):
        for arm in options.arms:
            result = run_arm(arm, job, options.limit)
            report["runs"].append({"turn": turn, "load": os.getloadavg(), **result})
            options.output.write_text(json.dumps(report, indent=2) + "\n")
            print(f"turn {turn}: {arm}: {result['wall_seconds']:.1f} s", flush=True)
    print(table(report["runs"]))
    for arm in options.arms:
        print(shares(report, arm))


def shares(report: dict, arm: str) -> str:
    """Say how much of the machine's peak the useful arithmetic of an arm made up."""
    runs = [r for r in report["runs"] if r["arm"] == arm and "failed" not in r]
    if not runs:
        return f"{arm}: no run"
    kind = "bfloat16" if runs[0].get("precision") == "bf16" or arm.endswith("bf16") else "float32"
    peak, flops = report["machine"]["peak_flops"][kind], report["useful_flops"]
    parts = {}
    for part in ("train", "evaluation", "predict"):
        seconds = min(r.get(f"{part}_seconds", 0.0) for r in runs)
        parts[part] = f"{100 * flops[part] / seconds / peak:.0f} %" if seconds else "-"
    return f"{arm}: useful arithmetic as a share of the {kind} peak of {peak / 1e9:.0f} GFLOP/s: {parts}"


if __name__ == "__main__":
    main()
