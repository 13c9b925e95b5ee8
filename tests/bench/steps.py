"""Compares training steps in turns: `gpu-trainer` of this checkout, of another one, and a strong user's `Trainer`.

The arms are processes that stay, each with its model, and take turns: a noisy neighbour hits all of them. `Trainer` has
its best flags (bf16, sdpa, texts of like length together, batches of 16 that are accumulated). Its sampler lets a step
of long texts and one of short ones follow each other, so a turn is an even number of steps, in all arms.
Seconds are the process's own processor seconds. The first turn is not counted: kernels are compiled in it.

    python tests/bench/steps.py --data reviews.csv.bz2 --checkpoint MINILM --before OTHER/CHECKOUT --output steps.json
    python tests/bench/steps.py ... --family mpnet --arms now padded --batch 8
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from families import SIZES, Clock, classifier
from measure import ROOT, Job, machine, reviews, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator

ARMS = ("now", "before", "padded", "trainer")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="CSV with the columns review and sentiment")
    parser.add_argument("--checkpoint", required=True, help="MiniLM's folder: the model, or the vocabulary of another")
    parser.add_argument("--family", choices=("minilm", *SIZES), default="minilm", help="others have random weights")
    parser.add_argument("--size", choices=("base", "tiny"), default="base", help=argparse.SUPPRESS)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=["now", "before", "trainer"])
    parser.add_argument("--before", type=Path, help="the checkout of the arm of that name")
    parser.add_argument("--batch", type=int, default=64, help="texts of a step")
    parser.add_argument("--accumulate", type=int, default=4, help="batches of which `Trainer` makes a step")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn; an even number")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--trainer-turns", type=int, help="turns that `Trainer` takes part in; default: all")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, help="make MiniLM's table of tokens as long as a multilingual one's")
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--worker", choices=ARMS, help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if "before" in options.arms and options.before is None:
        parser.error("the arm `before` needs --before")
    options.job = Job(options.data, options.checkpoint, rows=options.rows, eval_rows=0, test_rows=0)
    return options


def main() -> None:
    options = arguments()
    if options.worker:
        answer(options)
        return
    report: dict[str, Any] = {
        "command": [Path(word).name for word in sys.argv],
        "machine": machine(products=False),
        "turns": [],
    }
    with tempfile.TemporaryDirectory() as name:
        workers = {arm: start(arm, options, Path(name)) for arm in options.arms}
        for turn in range(options.turns + 1):
            for arm in options.arms if turn % 2 else reversed(options.arms):
                if arm == "trainer" and turn > (options.trainer_turns or options.turns):
                    continue
                steps = [ask(workers[arm]) for _ in range(options.steps)]
                report["turns"].append({"turn": turn, "arm": arm, "load": os.getloadavg(), "steps": steps})
                write_json(options.output, report)
                print(f"turn {turn}: {arm}: {seconds(steps):.2f} s a step", flush=True)
        for worker in workers.values():
            worker.communicate()
    print(table(report["turns"]))


def start(arm: str, options: argparse.Namespace, folder: Path) -> subprocess.Popen[str]:
    """Start the process of an arm; it answers each line with a step."""
    root = (options.before if arm == "before" else ROOT).resolve()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'plugins'}",
        "CLSFW_CACHE": str(folder / arm),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }
    line = [sys.executable, *sys.argv, "--worker", arm]
    return subprocess.Popen(line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(worker: subprocess.Popen[str]) -> dict[str, float]:
    """Let a worker take a step; gives its tokens, seconds and peak memory."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    for said in worker.stdout:  # libraries print, too
        if said.startswith('{"tokens"'):
            return dict(json.loads(said))
    raise RuntimeError("a worker ended before its step was done")


def answer(options: argparse.Namespace) -> None:
    """Take a step for each line that comes, in a worker."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    take = (trainer if options.worker == "trainer" else ours)(options)
    for _ in sys.stdin:
        step = next(take)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({**step, "peak_memory_bytes": memory}), flush=True)
    os._exit(0)  # `Trainer` has steps left, in a thread of its own


def model_of(options: argparse.Namespace) -> Any:
    if options.family != "minilm":
        return classifier(options.family, options)
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from clsfw.contract.parts import Labels
    from clsfw_hf_encoders.classifier import HfClassifier

    torch.manual_seed(0)  # of the head
    module = AutoModelForSequenceClassification.from_pretrained(options.checkpoint, num_labels=2, dtype=torch.float32)
    if options.vocabulary:
        module.resize_token_embeddings(options.vocabulary)
    words = AutoTokenizer.from_pretrained(options.checkpoint)
    return HfClassifier(module, words, Labels(("negative", "positive")), options.max_length)


def ours(options: argparse.Namespace) -> Iterator[dict[str, float]]:
    """Take the steps of `gpu-trainer`, packed or padded."""
    from datasets import ClassLabel, Dataset, Features, Value

    from clsfw.report.display import Quiet
    from clsfw_gpu_trainer import GpuTrainerSettings
    from clsfw_gpu_trainer.distributed import Team
    from clsfw_gpu_trainer.steps import Steps
    from clsfw_gpu_trainer.trainer import GpuTrainer
    from clsfw_torch.target import choose_target

    model, texts = model_of(options), reviews(options.job)
    settings = GpuTrainerSettings(
        device="cpu", precision=options.precision, batch_size=options.batch, max_steps=1000, learning_rate=5e-5
    )
    by = GpuTrainer(settings)
    if options.worker == "padded":
        by._packed[model.module] = False  # as if the self-check had failed
    kinds = Features({"text": Value("string"), "label": ClassLabel(names=list(model.labels.names))})
    data = Dataset.from_dict({"text": texts, "label": [i % 2 for i in range(len(texts))]}, features=kinds)
    target, team = choose_target(settings, Quiet()), Team()
    with target.applied(), by._ready(model, target, team, Quiet()) as forward:
        if forward.packed == (options.worker == "padded"):
            raise RuntimeError(f"{options.family} is computed in another way than was asked for")
        work = Steps(settings, forward, {"train": data}, seed=0, reporter=Quiet(), team=team)
        lengths = work._tokens["train"].lengths
        for step, rows in enumerate(work.rows(0)):
            clock = Clock()
            work.take(step, rows)
            yield {"tokens": int(lengths[rows].sum()), **clock.seconds()}


def trainer(options: argparse.Namespace) -> Iterator[dict[str, float]]:
    """Take the steps of `Trainer`, in a thread that waits between two of them."""
    import queue
    import threading

    import transformers

    model = model_of(options)
    ids = [list(row) for row in model.tokenize(reviews(options.job)).ids]
    asked: queue.Queue[None] = queue.Queue()
    done: queue.Queue[dict[str, float]] = queue.Queue()
    tokens: list[int] = []

    class Watch(transformers.TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            asked.get()
            self.clock = Clock()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            done.put({"tokens": sum(tokens), **self.clock.seconds()})
            tokens.clear()

    def count(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        tokens.append(int(inputs["attention_mask"].sum()))

    model.module.register_forward_pre_hook(count, with_kwargs=True)
    given = transformers.TrainingArguments(
        output_dir=os.environ["CLSFW_CACHE"], bf16=options.precision == "bf16", use_cpu=True,
        per_device_train_batch_size=options.batch // options.accumulate, max_steps=1000, learning_rate=5e-5,
        gradient_accumulation_steps=options.accumulate, train_sampling_strategy="group_by_length",
        save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    by = transformers.Trainer(
        model=model.module,
        args=given,
        train_dataset=[{"input_ids": row, "labels": i % 2} for i, row in enumerate(ids)],  # type: ignore[arg-type]  # a list will do
        data_collator=transformers.DataCollatorWithPadding(model._tokenizer),
        callbacks=[Watch()],
    )
    threading.Thread(target=by.train, daemon=True).start()
    while True:
        asked.put(None)
        yield done.get()


def seconds(steps: list[dict[str, float]]) -> float:
    return statistics.mean(step["processor_seconds"] for step in steps)


def table(turns: list[dict[str, Any]]) -> str:
    """Give each arm's median seconds of a step and tokens a second, and how many times faster the first arm is."""
    counted = [turn for turn in turns if turn["turn"] > 0]
    arms = list(dict.fromkeys(turn["arm"] for turn in counted))
    first = min(arms, key=ARMS.index)
    of = {arm: {turn["turn"]: seconds(turn["steps"]) for turn in counted if turn["arm"] == arm} for arm in arms}
    lines = [f"{'arm':10} {'turns':>5} {'s a step':>9} {'tokens/s':>9} {'memory':>8}  times {first}, in the same turns"]
    for arm in sorted(arms, key=ARMS.index):
        own = [turn["steps"] for turn in counted if turn["arm"] == arm]
        rate = statistics.median(sum(s["tokens"] for s in steps) / seconds(steps) / len(steps) for steps in own)
        memory = max(step["peak_memory_bytes"] for steps in own for step in steps) / 2**30
        times = sorted(value / of[first][turn] for turn, value in of[arm].items())
        lines.append(
            f"{arm:10} {len(own):5} {statistics.median(of[arm].values()):9.2f} {rate:9,.0f} {memory:6.1f}Gi"
            f"  {statistics.median(times):.2f} ({times[0]:.2f} to {times[-1]:.2f})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
