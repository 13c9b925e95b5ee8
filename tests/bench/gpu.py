"""Proves and measures `gpu-trainer` on a CUDA device: one command, within the minutes given, a short table last.

First correctness: packed against padded input, the attention kernel, resume, repetition. Then speed: `gpu-trainer`
beside the notebook's script, as it is and as a strong user would write it, on the published job, taking
turns. Then accuracy over seeds with a real checkpoint. What does not fit into the time is left out and named. Raw
results go to a JSON file, after every run.

    python tests/bench/gpu.py --data reviews.csv.bz2 --checkpoint MINILM_FOLDER --output tests/bench/results/h100.json
    python tests/bench/gpu.py ... --smoke      # the same in small, on any machine

What one call had no time for can be made by others, each with an output of its own:

    python tests/bench/gpu.py ... --only speed --repeat 1 --output tests/bench/results/h100-speed-2.json
    python tests/bench/gpu.py ... --only accuracy --output tests/bench/results/h100-accuracy.json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from measure import BENCH, Job, described, random_distilbert, rates, run_arm, table, work, write_json

STARTED = time.monotonic()
SPEED = ("gpu-trainer", "strong-bf16", "notebook-bf16", "notebook")
SEEDS = (42, 43, 44)
_STUCK = 180.0
"""Seconds after which the process of the checks is taken to hang; all of them together take far less."""
_SHARE = 1 / 3
"""The most of the whole time that one arm may take, so that one that hangs leaves some to the others."""


def arguments() -> argparse.Namespace:
    what, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=what, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=_absolute, required=True, help="CSV with the columns review and sentiment")
    parser.add_argument("--checkpoint", type=_absolute, help="folder; without it accuracy is left out")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.5, help="nothing is started that would not end by then")
    parser.add_argument("--repeat", type=int, default=3, help="turns of the speed arms")
    parser.add_argument("--only", choices=("correctness", "speed", "accuracy"))
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that it runs")
    return parser.parse_args()


def _absolute(path: str) -> str:
    if not Path(path).exists():
        raise argparse.ArgumentTypeError(f"there is no {path!r}")
    return str(Path(path).resolve())


class Bench:
    """The report so far, and the time that is left."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.took: dict[str, float] = {}
        self.report: dict[str, Any] = {"command": sys.argv, "runs": [], "left_out": []}

    def left(self) -> float:
        return float(self.options.minutes * 60 - (time.monotonic() - STARTED))

    def look_at_machine(self) -> None:
        """Measure its peak in a process of its own, so that none but the arms holds memory of the device."""
        line = [sys.executable, str(BENCH / "measure.py")]
        process = subprocess.run(line, stdout=subprocess.PIPE, timeout=_STUCK, check=True)
        self.report["machine"] = json.loads(process.stdout)
        self.save()

    def check(self, file: Path) -> None:
        """Run the checks in a process of their own, and what it left undone when it died in another one."""
        self.report["correctness"] = {}
        known, ended = -1, False
        while not ended and known < len(self.report["correctness"]):
            known = len(self.report["correctness"])
            ended = self._checks_end(file)
            if file.exists():
                self.report["correctness"] = json.loads(file.read_text())
            self.save()
        if not ended:
            self.leave_out("checks", "their process does not start, or time is up")

    def _checks_end(self, file: Path) -> bool:
        line = [sys.executable, str(BENCH / "correctness.py"), str(file)]
        environment = {**os.environ, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # cuBLAS reads it when it starts
        try:
            return not subprocess.run(line, env=environment, timeout=min(_STUCK, self.left()), check=False).returncode
        except subprocess.TimeoutExpired:
            return False

    def run(self, part: str, arm: str, job: Job) -> None:
        """Run an arm if it will end in time, as far as its last run can tell."""
        key, left = f"{part} {arm}", self.left()
        if left < max(5, self.took.get(key, 0.0)):
            self.leave_out(key, "failed before" if self.took.get(key) == math.inf else "would not end in time")
            return
        result = run_arm(arm, job, limit=min(left, self.options.minutes * 60 * _SHARE))
        self.took[key] = math.inf if "failed" in result else result["wall_seconds"]
        if result.get("timed_out"):
            self.leave_out(key, result["failed"], log=result["log"])
            return
        self.report["runs"].append({"part": part, **result})
        print(f"{key}: {result['wall_seconds']:.1f} s", flush=True)
        if "failed" in result:
            print(f"    failed: {result['failed']}", *result["log"].splitlines()[-1:], sep="\n    ", flush=True)
        self.save()

    def leave_out(self, what: str, reason: str, **more: str) -> None:
        self.report["left_out"].append({"what": what, "reason": reason, **more})
        print(f"{what}: left out: {reason}", flush=True)
        self.save()

    def save(self) -> None:
        self.options.output.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.options.output, self.report)

    def part(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self.report["runs"] if run["part"] == name]


def main() -> None:
    options = arguments()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # with several, Hugging Face's Trainer would use all of them
    bench = Bench(options)
    bench.look_at_machine()
    if bench.report["machine"]["gpu"] is None and not options.smoke:
        sys.exit("torch sees no CUDA device here; look at `nvidia-smi`, or see by --smoke that all runs")
    try:
        with tempfile.TemporaryDirectory() as name:
            if options.only in {None, "correctness"}:
                bench.check(Path(name) / "correctness.json")
            if options.only != "correctness":
                take_turns(bench, Path(name))
    finally:
        show(bench)


def take_turns(bench: Bench, folder: Path) -> None:
    """Take one turn of speed, then accuracy, then the other turns: what is cut off last is what is worth least."""
    options = bench.options
    sizes = {"batch": 4, "steps": 4, "eval_steps": 2, "rows": 32, "eval_rows": 8, "test_rows": 16, "max_length": 32}
    full = Job(options.data, options.checkpoint or "", **(sizes if options.smoke else {}))
    tiny = {"n_layers": 1, "dim": 32, "n_heads": 2, "hidden_dim": 64} if options.smoke else {}
    job = replace(full, checkpoint=random_distilbert(full, folder, **tiny))
    bench.report |= {"job": described(job), **work(job)}
    for turn in range(1 if options.smoke else options.repeat):
        if options.only in {None, "speed"}:
            for arm in SPEED:
                bench.run("speed", arm, job)
        if turn == 0 and options.only in {None, "accuracy"}:
            if not options.checkpoint:
                bench.leave_out("accuracy", "needs --checkpoint")
                continue
            for seed in SEEDS[: 1 if options.smoke else None]:
                for arm in ("gpu-trainer", "hf-trainer-bf16"):
                    bench.run("accuracy", arm, replace(full, learning_rate=5e-5, seed=seed))


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
    for entry in report["left_out"]:
        print(f"left out: {entry['what']}: {entry['reason']}")


if __name__ == "__main__":
    main()
