"""Compares the packed families with padded input and with `Trainer`, and `embed` with sentence-transformers' `encode`.

Models have the sizes of each family's base checkpoint, random weights and MiniLM's vocabulary: the arithmetic of a step
is that of the real ones, with another vocabulary. Each measurement is a process of its own; the arms of a
family take turns, so that a noisy neighbour hits all of them. Seconds are the process's own processor seconds. Raw
results go to a JSON file after every measurement, a table to the terminal.

    python tests/bench/families.py --data reviews.csv.bz2 --checkpoint MINILM --output tests/bench/results/families.json
    python tests/bench/families.py ... --size tiny --families bert llama --texts 64 --steps 2      # in a minute or two
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
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from measure import Job, bf16_units, machine, reviews, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARMS = ("packed", "padded", "trainer")
EMBEDDING = ("embed bf16", "embed", "encode")
BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
SIZES: dict[str, dict[str, Any]] = {
    "bert": BASE,
    "distilbert": {"dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072},
    "roberta": BASE,
    "electra": {**BASE, "embedding_size": 768},
    "mpnet": BASE,
    "modernbert": {**BASE, "num_hidden_layers": 22, "intermediate_size": 1152},
    "eurobert": BASE,
    "nomic_bert": BASE,
    "gte": BASE,
    "jina_embeddings_v3": BASE,
    "deberta-v2": {
        **BASE, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False,
        "position_buckets": 256, "max_relative_positions": -1, "share_att_key": True, "norm_rel_ebd": "layer_norm",
    },
    "llama": {
        "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
        "intermediate_size": 1536,
    },
    "qwen3": {
        "hidden_size": 1024, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
        "head_dim": 128, "intermediate_size": 3072,
    },
}  # fmt: skip
"""The base checkpoint of each; Llama's sizes are SmolLM2-135M's, Qwen 3's those of 0.6B, and both have adapters."""
DECODERS = frozenset({"llama", "qwen3"})
TINY = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "num_key_value_heads": 2, "head_dim": 16, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64,
    "embedding_size": 32,
}  # fmt: skip


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="CSV with the columns review and sentiment")
    parser.add_argument("--checkpoint", required=True, help="MiniLM's folder: its vocabulary, and what embeds")
    parser.add_argument("--families", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--size", choices=("base", "tiny"), default="base")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3, help="steps that are measured, after one that is not")
    parser.add_argument("--pool", type=int, default=1200, help="reviews that the batches are drawn from")
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument(
        "--precision", choices=("fp32", "bf16"), help="default: bf16 where the processor has units for it"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--texts", type=int, default=512, help="reviews to embed; 0 leaves that out")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--limit", type=float, default=1200, help="seconds after which a measurement is given up")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    options.job = Job(options.data, options.checkpoint, rows=max(options.pool, options.texts), eval_rows=0, test_rows=0)
    return options


def main() -> None:
    options = arguments()
    if options.one:
        write_json(options.output, measured(*options.one, options))
        return
    report: dict[str, Any] = {
        "command": [Path(word).name for word in sys.argv],
        "machine": machine(products=False),
        "runs": [],
    }
    for family, arms in [(family, options.arms) for family in options.families] + [("minilm", EMBEDDING)]:
        for turn in range(options.repeat if family != "minilm" or options.texts else 0):
            for arm in arms:
                if arm == "packed" and family == "deberta-v2":
                    continue
                run = apart(family, arm, options)
                report["runs"].append({"turn": turn, "load": os.getloadavg(), **run})
                write_json(options.output, report)
                print(f"turn {turn}: {family}: {arm}: {run.get('failed') or rate(run)}", flush=True)
    print(table(report["runs"]))


def apart(family: str, arm: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure in a process of its own; what goes wrong is a result too."""
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "one.json"
        environment = {
            **os.environ,
            "CLSFW_CACHE": name,
            "CUDA_VISIBLE_DEVICES": "",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": str(options.threads),
        }
        line = [sys.executable, *sys.argv, "--output", str(output), "--one", family, arm]
        try:
            done = subprocess.run(
                line, env=environment, timeout=options.limit, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            return {"family": family, "arm": arm, "failed": f"given up after {options.limit:.0f} s"}
        if done.returncode:
            return {"family": family, "arm": arm, "failed": f"exit code {done.returncode}", "log": done.stderr[-2000:]}
        return dict(json.loads(output.read_text()))


def measured(family: str, arm: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one arm of a family in this process: what was computed, and the processor seconds of each step."""
    import torch

    torch.set_num_threads(options.threads)
    if arm in ARMS:
        found = (trainer if arm == "trainer" else ours)(family, arm, options)
    else:
        found = encode(options) if arm == "encode" else embed(options, "bf16" if arm.endswith("bf16") else "fp32")
    steps = found["steps"][1:]  # the first one compiles kernels for new shapes, and is not counted
    return {
        "family": family,
        "arm": arm,
        **found,
        "texts": sum(step["texts"] for step in steps),
        "tokens": sum(step["tokens"] for step in steps),
        "processor_seconds": sum(step["processor_seconds"] for step in steps),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


class Clock:
    """The seconds since it was made, or looked at last."""

    def __init__(self) -> None:
        self._processor, self._wall = time.process_time(), time.perf_counter()

    def seconds(self) -> dict[str, float]:
        """Give them, and begin again."""
        processor, wall = time.process_time(), time.perf_counter()
        found = {"processor_seconds": processor - self._processor, "wall_seconds": wall - self._wall}
        self._processor, self._wall = processor, wall
        return found


def precision(options: argparse.Namespace) -> str:
    return options.precision or ("bf16" if bf16_units() else "fp32")


def classifier(family: str, options: argparse.Namespace) -> Any:
    """Make a model of a family with random weights, and the checkpoint's tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    from clsfw.contract.parts import Labels
    from clsfw_hf_encoders import Lora
    from clsfw_hf_encoders.adapters import add_lora
    from clsfw_hf_encoders.classifier import HfClassifier

    words = AutoTokenizer.from_pretrained(options.checkpoint)
    special = {
        f"{kind}_token_id": token
        for kind, token in (
            ("pad", words.pad_token_id), ("bos", words.cls_token_id), ("eos", words.sep_token_id),
            ("cls", words.cls_token_id), ("sep", words.sep_token_id),
        )
    }  # fmt: skip
    if family == "mpnet":
        special["pad_token_id"] = 1  # transformers counts its positions by this one, whatever the configuration says
    sizes = SIZES[family]
    if options.size == "tiny":
        sizes = {name: TINY.get(name, value) for name, value in sizes.items()}
    positions = options.max_length + (2 if family in {"roberta", "mpnet", "jina_embeddings_v3"} else 0)
    config = AutoConfig.for_model(
        family, vocab_size=len(words), max_position_embeddings=positions, num_labels=2, **special, **sizes
    )
    torch.manual_seed(0)
    module = AutoModelForSequenceClassification.from_config(config)  # with sdpa, where the family has it
    if family in DECODERS:
        config.use_cache = False
        add_lora(module, Lora())
    return HfClassifier(module, words, Labels(("negative", "positive")), options.max_length)


def tokens_of(model: Any, options: argparse.Namespace) -> list[list[int]]:
    return [list(ids) for ids in model.tokenize(reviews(options.job)[: options.pool]).ids]


def ours(family: str, arm: str, options: argparse.Namespace) -> dict[str, Any]:
    """Take the steps of `gpu-trainer`, packed or padded."""
    import numpy as np
    from datasets import ClassLabel, Dataset, Features, Value

    from clsfw.report.display import Quiet
    from clsfw_gpu_trainer import GpuTrainerSettings
    from clsfw_gpu_trainer.distributed import Team
    from clsfw_gpu_trainer.steps import Steps
    from clsfw_gpu_trainer.trainer import GpuTrainer
    from clsfw_torch.target import choose_target

    model = classifier(family, options)
    settings = GpuTrainerSettings(
        device="cpu", precision=precision(options), batch_size=options.batch, max_steps=options.steps + 1
    )
    by = GpuTrainer(settings)
    if arm == "padded":
        by._packed[model.module] = False  # as if the self-check had failed
    texts = reviews(options.job)[: options.pool]
    kinds = Features({"text": Value("string"), "label": ClassLabel(names=list(model.labels.names))})
    data = Dataset.from_dict({"text": texts, "label": [i % 2 for i in range(len(texts))]}, features=kinds)
    steps = []
    target, team = choose_target(settings, Quiet()), Team()
    with target.applied(), by._ready(model, target, team, Quiet()) as forward:
        if arm == "packed" and not forward.packed:
            raise RuntimeError(f"{family} was not packed")
        work = Steps(settings, forward, {"train": data}, seed=0, reporter=Quiet(), team=team)
        lengths = work._tokens["train"].lengths
        for step, rows in zip(range(options.steps + 1), work.rows(0), strict=False):
            clock = Clock()
            work.take(step, rows)
            steps.append({"texts": len(rows), "tokens": int(np.sum(lengths[rows])), **clock.seconds()})
    return {**described(model), "precision": settings.precision, "steps": steps}


def trainer(family: str, _: str, options: argparse.Namespace) -> dict[str, Any]:
    """Take steps of `Trainer`, with texts of like length together as its own sampler puts them."""
    import torch
    import transformers
    from transformers.trainer_pt_utils import LengthGroupedSampler

    model = classifier(family, options)
    ids = tokens_of(model, options)
    generator = torch.Generator().manual_seed(0)
    order = list(LengthGroupedSampler(options.batch, lengths=[len(row) for row in ids], generator=generator))
    batches = [order[start : start + options.batch] for start in range(0, len(order), options.batch)]
    batches = [batch for batch in batches if len(batch) == options.batch]
    # Its batches are of long texts or of short ones: some from all of them are what a step meets on average.
    batches.sort(key=lambda batch: sum(len(ids[row]) for row in batch))
    chosen = [batches[int((i + 0.5) / options.steps * len(batches))] for i in range(options.steps)]
    chosen.insert(0, batches[len(batches) // 2])
    rows = [{"input_ids": ids[row], "labels": row % 2} for batch in chosen for row in batch]
    steps: list[dict[str, Any]] = []

    class Watch(transformers.TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.clock = Clock()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            tokens = sum(len(ids[row]) for row in chosen[len(steps)])
            steps.append({"texts": options.batch, "tokens": tokens, **self.clock.seconds()})

    with tempfile.TemporaryDirectory() as folder:
        given = transformers.TrainingArguments(
            output_dir=folder, per_device_train_batch_size=options.batch, max_steps=options.steps + 1,
            bf16=precision(options) == "bf16", use_cpu=True, train_sampling_strategy="sequential", save_strategy="no",
            logging_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        transformers.Trainer(
            model=model.module,
            args=given,
            train_dataset=rows,  # type: ignore[arg-type]  # a list will do
            data_collator=transformers.DataCollatorWithPadding(model._tokenizer),
            callbacks=[Watch()],
        ).train()
    return {**described(model), "precision": precision(options), "steps": steps}


def described(model: Any) -> dict[str, Any]:
    total, trained = model.parameters()
    attention = model.module.config._attn_implementation
    return {"parameters": total, "trained_parameters": trained, "attention": attention}


def embed(options: argparse.Namespace, precision: Literal["fp32", "bf16"]) -> dict[str, Any]:
    """Embed reviews as the model `embed` does, without its cache."""
    from clsfw.contract.parts import Labels
    from clsfw.report.display import Quiet
    from clsfw_embed import EmbedSettings
    from clsfw_embed.model import EmbedModel

    checkpoint = str(Path(options.checkpoint).resolve())
    settings = EmbedSettings(checkpoint=checkpoint, max_length=options.max_length, precision=precision)
    model = EmbedModel(settings).create(Labels(("negative", "positive")), [], 0, Quiet())
    return {"steps": list(embedded(lambda texts: model._encoder.encode(texts, Quiet()), options))}


def encode(options: argparse.Namespace) -> dict[str, Any]:
    """Embed reviews as sentence-transformers does."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(options.checkpoint), device="cpu")
    model.max_seq_length = options.max_length
    return {"steps": list(embedded(lambda texts: model.encode(texts, show_progress_bar=False), options))}


def embedded(work: Callable[[list[str]], Any], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Embed a few texts, then all: tokenization counts on both sides."""
    from transformers import AutoTokenizer

    texts = reviews(options.job)[: options.texts]
    words = AutoTokenizer.from_pretrained(options.checkpoint)
    lengths = [len(ids) for ids in words(texts, truncation=True, max_length=options.max_length)["input_ids"]]
    for count in (min(32, len(texts)), len(texts)):
        clock = Clock()
        work(texts[:count])
        yield {"texts": count, "tokens": sum(lengths[:count]), **clock.seconds()}


def rate(run: dict[str, Any]) -> str:
    return f"{run['tokens'] / run['processor_seconds']:,.0f} tokens a processor second"


def table(runs: list[dict[str, Any]]) -> str:
    """Give the median rate of each arm, and how many times that of the family's last one it is."""
    lines = [f"{'':20} {'':8} {'tokens/s':>10} {'texts/s':>9} {'memory':>8} {'times':>7}"]
    done = [run for run in runs if "failed" not in run]
    for family in dict.fromkeys(run["family"] for run in done):
        own = [run for run in done if run["family"] == family]
        medians = {arm: _median([run for run in own if run["arm"] == arm], "tokens") for arm in _arms(own)}
        for arm, tokens in medians.items():
            these = [run for run in own if run["arm"] == arm]
            memory = max(run["peak_memory_bytes"] for run in these) / 2**30
            times = tokens / medians[_arms(own)[-1]]
            cells = f"{tokens:10,.0f} {_median(these, 'texts'):9.2f} {memory:6.1f}Gi {times:6.2f}x"
            lines.append(f"{family:20} {arm:8} {cells}")
    lines += [f"{run['family']}: {run['arm']}: failed: {run['failed']}" for run in runs if "failed" in run]
    return "\n".join(lines)


def _arms(runs: list[dict[str, Any]]) -> list[str]:
    return [arm for arm in (*ARMS, *EMBEDDING) if any(run["arm"] == arm for run in runs)]


def _median(runs: list[dict[str, Any]], what: str) -> float:
    return statistics.median(run[what] / run["processor_seconds"] for run in runs)


if __name__ == "__main__":
    main()
