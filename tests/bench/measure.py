"""What the benchmarks share: the arms, each a process of its own; the machine's peak; a job's arithmetic."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parent
ROOT = BENCH.parents[1]
LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "numpy")


@dataclass(frozen=True)
class Job:
    """The sizes of the published job, or smaller ones."""

    data: str
    checkpoint: str
    batch: int = 64
    steps: int = 250
    eval_steps: int = 20
    rows: int = 8000
    eval_rows: int = 2000
    test_rows: int = 10_000
    max_length: int = 512
    learning_rate: float = 1e-5
    seed: int = 42


ARMS = ("notebook", "notebook-bf16", "strong-bf16", "hf-trainer", "hf-trainer-bf16", "gpu-trainer", "gpu-trainer-fp32")


def command(arm: str, job: Job, folder: Path) -> list[str]:
    """Give the command line of an arm, which leaves its results in `folder`."""
    if not arm.startswith(("hf-trainer", "gpu-trainer")):
        options = {
            "data": job.data, "checkpoint": job.checkpoint, "rows": job.rows, "eval-rows": job.eval_rows,
            "test-rows": job.test_rows, "steps": job.steps, "eval-steps": job.eval_steps, "batch": job.batch,
            "eval-batch": job.batch, "max-length": job.max_length, "learning-rate": job.learning_rate, "seed": job.seed,
            "output": folder / "notebook.json",
        }  # fmt: skip
        flags = [text for key, value in options.items() for text in (f"--{key}", str(value))]
        flags += [f"--{word}" for word in ("bf16", "strong") if word in arm.split("-")]
        return [sys.executable, str(BENCH / "notebook.py"), *flags]
    trainer = "hf-trainer" if arm.startswith("hf") else "gpu-trainer"
    settings: dict[str, Any] = {
        "data.source": job.data, "model.use": "hf-encoder", "model.checkpoint": job.checkpoint,
        "model.max_length": job.max_length, "split.train": job.rows, "split.validation": job.eval_rows,
        "split.test": job.test_rows, "trainer.use": trainer, "trainer.batch_size": job.batch,
        "trainer.max_steps": job.steps, "trainer.eval_steps": job.eval_steps,
        "trainer.learning_rate": job.learning_rate, "seed": job.seed,
    }  # fmt: skip
    if trainer == "hf-trainer":
        settings["trainer.eval_batch_size"] = job.batch
        settings["trainer.precision"] = "bf16" if arm.endswith("bf16") else "fp32"
    elif arm.endswith("fp32"):
        settings["trainer.precision"] = "fp32"
    sets = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
    recipe = str(ROOT / "recipes" / "imdb_distilbert.toml")
    return [sys.executable, "-m", "clsfw", "run", recipe, "--out", str(folder / "run"), *sets]


def run_arm(arm: str, job: Job, limit: float | None = None) -> dict[str, Any]:
    """Run an arm with an empty cache of its own; gives its timings in seconds, its peak memory and its accuracy.

    Whatever goes wrong is a result too: it has `failed`, and `timed_out` if it took longer than the limit in seconds.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        try:
            result = _run(arm, job, Path(name), limit)
        except Exception as exc:  # noqa: BLE001  # results that cannot be read must not end the other arms
            result = {"failed": f"{type(exc).__name__}: {exc}", "log": traceback.format_exc()}
    return {"arm": arm, "job": described(job), "wall_seconds": time.perf_counter() - start, **result}


def _run(arm: str, job: Job, folder: Path, limit: float | None) -> dict[str, Any]:
    environment = {**os.environ, "CLSFW_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
    with (folder / "log.txt").open("wb") as log:
        start = time.perf_counter()
        process = subprocess.Popen(command(arm, job, folder), env=environment, stdout=log, stderr=subprocess.STDOUT)
        code, usage, timed_out = _wait(process, limit)
        wall = time.perf_counter() - start
    if code not in {0, 9}:  # 9: the result is not the published one, which is no wonder for another model
        tail = (folder / "log.txt").read_text(errors="replace")[-2000:]
        if timed_out:
            return {"failed": f"given up after {wall:.0f} s", "timed_out": True, "log": tail}
        return {"failed": f"exit code {code}", "log": tail}
    result = _notebook_result(folder) if (folder / "notebook.json").exists() else _run_result(folder / "run")
    memory = max(usage.ru_maxrss * 1024, result.pop("peak_memory_bytes", 0))
    return {"wall_seconds": wall, "peak_memory_bytes": memory, **result}


def _wait(process: subprocess.Popen[bytes], limit: float | None) -> tuple[int, Any, bool]:
    """Wait for a process; gives its exit code, the resources that it alone used, and whether the limit ended it."""
    end = None if limit is None else time.monotonic() + limit
    timed_out = False
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG if end is not None and not timed_out else 0)
        if done:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage, timed_out
        if end is not None and time.monotonic() > end:
            process.kill()
            timed_out = True
        time.sleep(0.05)


def _notebook_result(folder: Path) -> dict[str, Any]:
    raw = json.loads((folder / "notebook.json").read_text())
    evaluations = [line["eval_runtime"] for line in raw["history"] if "eval_runtime" in line]
    return {
        "tokenize_seconds": raw["data_seconds"],
        "train_seconds": raw["train_and_evaluate_seconds"] - sum(evaluations),
        "evaluation_seconds": sum(evaluations),
        "predict_seconds": raw["predict_seconds"],
        "peak_memory_bytes": raw["peak_memory_bytes"],
        "peak_gpu_bytes": raw.get("peak_gpu_bytes"),
        "accuracy": raw["test_accuracy"],
    }


def _run_result(run: Path) -> dict[str, Any]:
    timings = json.loads((run / "timings.json").read_text())
    record = json.loads((run / "run.json").read_text())
    facts = record.get("training", {})
    kept = ("device", "precision", "threads", "packed", "peak_gpu_bytes")
    return {
        **timings,
        "accuracy": json.loads((run / "metrics.json").read_text())["test"]["accuracy"],
        **{key: facts[key] for key in kept if key in facts},
    }


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Replace a file as a whole, so that a kill leaves the old one."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(json.dumps(content, indent=2) + "\n")
    new.replace(file)


def described(job: Job) -> dict[str, Any]:
    """Give a job's sizes, with the names of its files in place of where this machine has them."""
    return {**asdict(job), "data": Path(job.data).name, "checkpoint": Path(job.checkpoint).name}


def random_distilbert(job: Job, parent: Path, **sizes: int) -> str:
    """Make a DistilBERT with random weights, of full size unless told: the arithmetic is that of the published one.

    Its vocabulary is that of the job's checkpoint, or without one learned from the job's training reviews.
    """
    import torch
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertForSequenceClassification

    from clsfw_hf_encoders.vocabulary import learn_wordpiece

    folder = parent / "distilbert-random-weights"
    if job.checkpoint:
        words = AutoTokenizer.from_pretrained(job.checkpoint)
    else:
        words = learn_wordpiece(reviews(job)[: job.rows], DistilBertConfig().vocab_size, job.max_length)
    torch.manual_seed(0)
    DistilBertForSequenceClassification(DistilBertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)


def reviews(job: Job) -> list[str]:
    """Read the texts of all three parts."""
    import pandas as pd

    texts: list[str] = pd.read_csv(job.data, nrows=job.rows + job.eval_rows + job.test_rows)["review"].tolist()
    return texts


def machine(*, products: bool = True) -> dict[str, Any]:
    """Say what the figures were taken on, and the peak of its matrix products in FLOP/s if that matters."""
    import torch

    cuda = torch.cuda.is_available()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    cpu = next((line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine())
    return {
        "cpu": cpu,
        "bf16_units": bf16_units(),
        "threads": threads,
        "gpu": torch.cuda.get_device_name() if cuda else None,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    } | ({"peak_flops": {name: peak(getattr(torch, name)) for name in ("float32", "bfloat16")}} if products else {})


def bf16_units() -> list[str]:
    """Say which units for products of bf16 numbers the processor has."""
    return [flag for flag in ("avx512_bf16", "amx_bf16") if any(flag in line.split() for line in _cpuinfo())]


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def peak(kind: Any) -> float:
    """Measure the best of some large matrix products."""
    import torch

    cuda = torch.cuda.is_available()
    size, best = (8192 if cuda else 2048), float("inf")
    a, b = (torch.randn(size, size, device="cuda" if cuda else "cpu", dtype=kind) for _ in range(2))
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        if cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def work(job: Job) -> dict[str, dict[str, float]]:
    """Count the tokens of each part of a job, and the arithmetic that it cannot do without.

    Without padding, and with the last layer for first tokens alone, a layer of width d and inner width m takes
    2 (4 d^2 + 2 d m) FLOPs a token for its products with weights, and 4 L d a token for attention over L tokens;
    backward takes twice as much as forward.
    """
    import numpy as np
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(job.checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(job.checkpoint)
    rows = tokenizer(reviews(job), truncation=True, max_length=job.max_length)["input_ids"]
    lengths = np.array([len(ids) for ids in rows], float)
    d = config.hidden_size
    m = getattr(config, "intermediate_size", None) or config.hidden_dim
    layers = config.num_hidden_layers
    whole = (layers - 1) * (2 * (4 * d * d + 2 * d * m) * lengths + 4 * d * lengths**2)
    last = 4 * d * d * lengths + 2 * (2 * d * d + 2 * d * m) + 4 * d * lengths
    evaluations = job.steps // job.eval_steps + (job.steps % job.eval_steps > 0)

    def parts(of_text: Any) -> dict[str, float]:
        train, evaluation = of_text[: job.rows], of_text[job.rows : job.rows + job.eval_rows]
        return {
            "train": float(train.mean()) * job.batch * job.steps,
            "evaluation": float(evaluation.sum()) * evaluations,
            "predict": float(of_text[job.rows + job.eval_rows :].sum()),
        }

    flops = parts(whole + last)
    return {"tokens": parts(lengths), "useful_flops": {**flops, "train": 3 * flops["train"]}}


def rates(report: dict[str, Any], runs: list[dict[str, Any]]) -> str:
    """Say of each arm how many tokens it took a second, and what share of the peak its useful arithmetic was."""
    import statistics

    lines = []
    for arm in dict.fromkeys(run["arm"] for run in runs if "failed" not in run):
        own = [run for run in runs if run["arm"] == arm and "failed" not in run]
        kind = "bfloat16" if arm.endswith("bf16") or own[0].get("precision") == "bf16" else "float32"
        peak = report["machine"]["peak_flops"][kind]
        cells = []
        for part, flops in report["useful_flops"].items():
            seconds = statistics.median(run.get(f"{part}_seconds", 0.0) for run in own)
            if seconds:
                tokens = report["tokens"][part] / seconds
                cells.append(f"{part} {tokens:,.0f} tokens/s, {100 * flops / seconds / peak:.0f} %")
        lines.append(f"{arm}: {'; '.join(cells)} of the {kind} peak of {peak / 1e12:.2f} TFLOP/s")
    return "\n".join(lines)


def table(results: list[dict[str, Any]]) -> str:
    """Give the medians of each arm as a short table, and how many times faster they are than those of `strong-bf16`.

    Accuracies are means, with the standard deviation over seeds if there are several.
    """
    import statistics

    arms = list(dict.fromkeys(r["arm"] for r in results if "failed" not in r))
    columns = ("train_seconds", "evaluation_seconds", "predict_seconds", "wall_seconds")
    headings = f"{'train':>9} {'evaluate':>9} {'predict':>9} {'in all':>9} {'memory':>8} {'on GPU':>8} {'accuracy':>15}"
    lines = [f"{'arm':18} {'runs':>4} {headings}"]
    medians_of = {
        arm: {
            c: statistics.median(r.get(c, 0.0) for r in results if r["arm"] == arm and "failed" not in r)
            for c in columns
        }
        for arm in arms
    }
    beside = "strong-bf16" if "strong-bf16" in arms else next(iter(arms), "")
    for arm in arms:
        runs = [r for r in results if r["arm"] == arm and "failed" not in r]
        medians = medians_of[arm]
        peaks = (max(r.get(kind) or 0 for r in runs) / 2**30 for kind in ("peak_memory_bytes", "peak_gpu_bytes"))
        memory = " ".join(f"{peak:6.1f}Gi" if peak else f"{'-':>8}" for peak in peaks)
        accuracy = f"{statistics.mean(r['accuracy'] for r in runs):.4f}"
        if len({r["job"]["seed"] for r in runs}) > 1:
            accuracy += f" ±{statistics.stdev(r['accuracy'] for r in runs):.4f}"
        cells = " ".join(f"{medians[c]:8.1f}s" for c in columns)
        lines.append(f"{arm:18} {len(runs):>4} {cells} {memory} {accuracy:>15}")
        if arm != beside:
            times = " ".join(f"{medians_of[beside][c] / medians[c]:8.1f}x" if medians[c] else " " * 9 for c in columns)
            lines.append(f"{'':18} {'':4} {times}")
    lines += [f"{r['arm']}: failed: {r['failed']}" for r in results if "failed" in r]
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(machine()))
