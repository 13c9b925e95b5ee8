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
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from correctness import check_all
from measure import Job, machine, run_arm, table, useful_flops, with_seed

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


def distilbert(tokenizer: str, folder: Path, *, smoke: bool) -> str:
    """Make a DistilBERT of full size with random weights: the arithmetic is that of the published one."""
    import torch
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

    words = AutoTokenizer.from_pretrained(tokenizer)
    sizes = {"n_layers": 1, "dim": 32, "n_heads": 2, "hidden_dim": 64} if smoke else {}
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=len(words), **sizes)
    DistilBertForSequenceClassification(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)


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
        random = distilbert(options.checkpoint, Path(name), smoke=options.smoke)
        job = replace(full, checkpoint=random)
        bench.report["useful_flops"] = useful_flops(job)
        bench.report["job"] = asdict(job)
        # One turn of speed, then accuracy, then the other turns: what is cut off at the end is what is worth least.
        for turn in range(1 if options.smoke else options.repeat):
            if options.only in {None, "speed"}:
                for arm in SPEED:
                    bench.run("speed", arm, job)
            if turn == 0 and options.only in {None, "accuracy"}:
                for seed in SEEDS[: 1 if options.smoke else None]:
                    for arm in ("gpu-trainer", "hf-trainer-bf16"):
                        bench.run("accuracy", arm, with_seed(replace(full, learning_rate=5e-5), seed))
    bench.save()
    show(bench)


def show(bench: Bench) -> None:
    report = bench.report
    print(f"\n{report['machine']['gpu'] or report['machine']['cpu']}, torch {report['machine']['versions']['torch']}")
    for name, outcome in report.get("correctness", {}).items():
        print(f"{'ok  ' if outcome['ok'] else 'FAIL'} {name}: {outcome['detail']}")
    if bench.part("speed"):
        print("\nspeed, DistilBERT with random weights (medians)\n" + table(bench.part("speed")))
        flops, peak = report["useful_flops"], report["machine"]["peak_flops"]["bfloat16"]
        for run in bench.part("speed"):
            if run["arm"] == "gpu-trainer" and "failed" not in run:
                share = 100 * flops["train"] / run["train_seconds"] / peak
                print(f"gpu-trainer: useful arithmetic is {share:.0f} % of the bf16 peak of {peak / 1e12:.0f} TFLOP/s")
                break
    if bench.part("accuracy"):
        print("\naccuracy, real checkpoint, one run for each seed\n" + table(bench.part("accuracy")))
    if report["left_out"]:
        print(f"\nleft out for want of time: {', '.join(report['left_out'])}")


if __name__ == "__main__":
    main()
