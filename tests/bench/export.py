"""Compares ways to predict with one model on one core: the run's own trainer, artifacts, torch's autocast, `pipeline`.

A model of the checkpoint's sizes is trained for two steps, since what it answers takes the same time however wrong it
is, and exported by `clsfw export`. Then each arm takes its turn in a process of its own, pinned to one core: the same
real reviews at once (texts a second by the clock, and by the seconds of the processor, which is what it would be alone
on the machine), then the first of them one at a time (latency), whole and cut to some 50 tokens. "autocast" is the
model of transformers in bf16, longest texts first in batches of 32.

    python tests/bench/export.py --data reviews.csv.bz2 --checkpoint FOLDER --output tests/bench/results/export.json
    python tests/bench/export.py ... --random-distilbert --texts 128   # DistilBERT's sizes, the checkpoint's words
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measure import ROOT, Job, described, machine, random_distilbert, write_json

EXPORTS = {
    "onnx fp32": ("onnx", "fp32"),
    "onnx int8": ("onnx", "int8"),
    "openvino fp32": ("openvino", "fp32"),
    "openvino bf16": ("openvino", "bf16"),
    "openvino int8": ("openvino", "int8"),
}
ARMS = ("gpu-trainer fp32", "gpu-trainer bf16", *EXPORTS, "autocast", "pipeline", "pipeline 32")
SHORT = 38
"""Words of a short text: some 50 tokens."""
FIRST_TEST_ROW = 10_000
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--random-distilbert", action="store_true")
    parser.add_argument("--texts", type=int, default=1024)
    parser.add_argument("--single", type=int, default=100, help="texts that are predicted one at a time")
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        arm, folder = options.child
        print(json.dumps(measure(arm, Path(folder), reviews(options), options.single)))
        return
    job = Job(str(options.data.resolve()), str(options.checkpoint.resolve()), max_length=options.max_length)
    flags = set(
        next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    )
    report: dict[str, Any] = {
        "command": [Path(sys.argv[0]).name, *(Path(word).name for word in sys.argv[1:])],
        "machine": machine(products=False),
        "flags": [flag for flag in FLAGS if flag in flags],
        "libraries": {name: version(name) for name in ("onnxruntime", "openvino", "nncf")},
        "job": described(job),
        "texts": options.texts,
        "runs": [],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.random_distilbert:
            job = replace(job, checkpoint=random_distilbert(job, folder))
        prepare(job, folder, options.arms)
        for turn in range(options.repeat):
            for arm in options.arms:
                command = [sys.executable, *sys.argv, "--child", arm, str(folder)]
                environment = {**os.environ, "OMP_NUM_THREADS": "1"}
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
                result = json.loads(done.stdout.splitlines()[-1])
                report["runs"].append({"turn": turn, "arm": arm, "load": os.getloadavg(), **result})
                write_json(options.output, report)
                rates = f"{result['texts_per_second']:8.1f} texts/s, {result['texts_per_cpu_second']:8.1f} alone"
                waits = f"one text p50 {result['p50_ms']:.0f} ms, p95 {result['p95_ms']:.0f} ms"
                waits += f"; short {result['short_p50_ms']:.1f} and {result['short_p95_ms']:.1f} ms"
                print(f"{arm:<17} {rates}; {waits}", flush=True)


def prepare(job: Job, folder: Path, arms: list[str]) -> None:
    """Train for two steps, and export."""
    settings = {
        "data.source": job.data, "model.use": "hf-encoder", "model.checkpoint": job.checkpoint,
        "model.max_length": job.max_length, "split.train": 64, "split.validation": 16, "split.test": 16,
        "trainer.max_steps": 2, "trainer.batch_size": 16, "trainer.precision": "fp32",
    }  # fmt: skip
    sets = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
    recipe = str(ROOT / "recipes" / "imdb_distilbert.toml")
    clsfw("run", recipe, "--out", folder / "run", *sets)
    for arm in arms:
        if arm in EXPORTS:
            use, precision = EXPORTS[arm]
            where = folder / arm.replace(" ", "-")
            clsfw("export", folder / "run", where, "--to", use, "--precision", precision, "--max-loss", "1")


def clsfw(*arguments: object) -> None:
    """Run a command; a model of two steps misses what the recipe expects, which is exit code 9."""
    command = [sys.executable, "-m", "clsfw", *map(str, arguments)]
    code = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
    if code not in {0, 9}:
        raise SystemExit(f"{' '.join(command)} ended with {code}")


def reviews(options: argparse.Namespace) -> list[str]:
    """Read the first test reviews."""
    import pandas as pd

    rows = pd.read_csv(options.data, skiprows=range(1, FIRST_TEST_ROW + 1), nrows=options.texts)
    return rows["review"].tolist()


def measure(arm: str, folder: Path, texts: list[str], single: int) -> dict[str, Any]:
    """Predict in this process, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    predict = predictor(arm, folder)
    predict(texts[:4])
    began, worked = time.perf_counter(), time.process_time()
    scores = predict(texts)
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    p50, p95 = latency(predict, texts[:single])
    short = latency(predict, [" ".join(text.split()[:SHORT]) for text in texts[:single]])
    return {
        "texts_per_second": len(texts) / seconds,
        "texts_per_cpu_second": len(texts) / worked,
        "p50_ms": p50,
        "p95_ms": p95,
        "short_p50_ms": short[0],
        "short_p95_ms": short[1],
        "scores": [round(float(score), 6) for score in scores],
    }


def latency(predict: Any, texts: list[str]) -> tuple[float, float]:
    """Return median and 95th percentile of the milliseconds that one text takes."""
    waits = []
    for text in texts:
        began = time.perf_counter()
        predict([text])
        waits.append(1000 * (time.perf_counter() - began))
    waits.sort()
    return waits[len(waits) // 2], waits[int(len(waits) * 0.95)]


def autocast(folder: Path) -> Any:
    """Return what a strong user would write with torch and transformers alone."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder / "run" / "model")
    model = AutoModelForSequenceClassification.from_pretrained(folder / "run" / "model", dtype=torch.float32).eval()

    def ask(given: list[str]) -> list[float]:
        order = sorted(range(len(given)), key=lambda row: -len(given[row]))
        scores = [0.0] * len(given)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(given), 32):
                rows = order[start : start + 32]
                inputs = tokenizer([given[row] for row in rows], truncation=True, padding=True, return_tensors="pt")
                chances = model(**inputs).logits.float().softmax(dim=1)[:, 0].tolist()
                for row, chance in zip(rows, chances, strict=True):
                    scores[row] = chance
        return scores

    return ask


def predictor(arm: str, folder: Path) -> Any:
    """Return what takes texts and gives the probability of the first class of each."""
    if arm == "autocast":
        return autocast(folder)
    if arm.startswith("pipeline"):
        import torch
        from transformers import pipeline

        torch.set_num_threads(1)
        classify = pipeline("text-classification", model=str(folder / "run" / "model"), truncation=True, top_k=None)
        first = classify.model.config.id2label[0]
        batch = 32 if arm.endswith("32") else 1

        def ask(given: list[str]) -> list[float]:
            answers = classify(given, batch_size=batch)
            return [next(one["score"] for one in row if one["label"] == first) for row in answers]

        return ask
    from clsfw.discovery.parts import BuiltTrainer
    from clsfw.inference.classifier import load_classifier
    from clsfw.report.display import Quiet

    if not arm.startswith("gpu-trainer"):
        opened = load_classifier(folder / arm.replace(" ", "-"))
        return lambda given: opened.predict(given).probabilities[:, 0]
    loaded = load_classifier(folder / "run")
    trainer = loaded.parts.build(BuiltTrainer, {**loaded.recipe["trainer"], "precision": arm.split()[1]})
    return lambda given: trainer.predict(loaded.model, given, loaded.labels, Quiet()).probabilities[:, 0]


if __name__ == "__main__":
    main()
