"""The published notebook as a plain script: pandas, `load_dataset`, `map`, `Trainer`, `pipeline`; the baseline.

Arguments and order of work are the notebook's. What differs: the metrics are scikit-learn's (the notebook loads the
same ones by `evaluate`, which needs a network), and sizes can be made smaller. Writes its timings as JSON.

    python tests/bench/notebook.py --data reviews.csv.bz2 --checkpoint FOLDER_OR_ID --output timings.json
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="CSV with the columns review and sentiment")
    parser.add_argument("--checkpoint", help="folder or hub id; without it a DistilBERT with random weights")
    parser.add_argument("--tokenizer", help="folder or hub id, where it is not the checkpoint's")
    parser.add_argument("--rows", type=int, default=8000, help="training reviews")
    parser.add_argument("--eval-rows", type=int, default=2000)
    parser.add_argument("--test-rows", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--eval-steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--eval-batch", type=int, default=64)
    parser.add_argument("--predict-batch", type=int, default=512)
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--learning-rate", type=float, default=1e-5)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--bf16", action="store_true", help="Trainer's and pipeline's own bf16, and worker processes")
    parser.add_argument("--strong", action="store_true", help="texts of like length together, as both can do it")
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args()


def write_splits(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Read the reviews with pandas and write train.csv, val.csv and test.csv, as the notebook does."""
    import pandas as pd

    table = pd.read_csv(options.data)
    start, cuts = 0, {}
    for name, rows in (("train", options.rows), ("val", options.eval_rows), ("test", options.test_rows)):
        cuts[name] = table[start : start + rows]
        start += rows
    files = {}
    for name, part in cuts.items():
        kept = pd.DataFrame({"text": part["review"], "label": [int(s == "positive") for s in part["sentiment"]]})
        files[name] = str(folder / f"{name}.csv")
        kept.to_csv(files[name], index=False)
    return files


def load_model(options: argparse.Namespace) -> Any:
    from transformers import AutoConfig, AutoModelForSequenceClassification

    names = {"id2label": {0: "NEGATIVE", 1: "POSITIVE"}, "label2id": {"NEGATIVE": 0, "POSITIVE": 1}, "num_labels": 2}
    if options.checkpoint:
        import torch

        return AutoModelForSequenceClassification.from_pretrained(options.checkpoint, dtype=torch.float32, **names)
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model("distilbert", **names))


def scores(prediction: Any) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    logits, truth = prediction
    predicted = logits.argmax(axis=-1)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    return {"precision": precision, "recall": recall, "f1": f1, "accuracy": accuracy_score(truth, predicted)}


def main() -> None:
    options = arguments()
    result: dict[str, Any] = {"options": {k: str(v) for k, v in vars(options).items()}}

    import torch
    from datasets import load_dataset
    from transformers import (
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        pipeline,
        set_seed,
    )

    result["import_seconds"] = time.perf_counter() - STARTED
    set_seed(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        data = load_dataset("csv", data_files=write_splits(options, folder), cache_dir=str(folder / "cache"))
        tokenizer = AutoTokenizer.from_pretrained(options.tokenizer or options.checkpoint)

        def tokenize(batch: dict[str, Any]) -> Any:
            return tokenizer(batch["text"], max_length=options.max_length, truncation=True)

        tokenized = data.map(tokenize, batched=True)
        result["data_seconds"] = time.perf_counter() - start

        model = load_model(options)
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=str(folder / "out"),
                per_device_train_batch_size=options.batch,
                per_device_eval_batch_size=options.eval_batch,
                max_steps=options.steps,
                learning_rate=options.learning_rate,
                weight_decay=0.01,
                eval_strategy="steps",
                eval_steps=options.eval_steps,
                save_steps=50,
                logging_steps=20,
                metric_for_best_model="f1",
                seed=options.seed,
                bf16=options.bf16,
                train_sampling_strategy="group_by_length" if options.strong else "random",
                use_cpu=not torch.cuda.is_available(),  # says what it would do anyway; without it bf16 is refused
                dataloader_num_workers=4 if options.bf16 else 0,
                report_to="none",
            ),
            train_dataset=tokenized["train"],
            eval_dataset=tokenized["val"],
            processing_class=tokenizer,
            data_collator=DataCollatorWithPadding(tokenizer=tokenizer),
            compute_metrics=scores,
        )
        start = time.perf_counter()
        trainer.train()
        result["train_and_evaluate_seconds"] = time.perf_counter() - start
        result["history"] = trainer.state.log_history

        start = time.perf_counter()
        trainer.save_model(str(folder / "model"))
        classify = pipeline(
            "text-classification",
            model=str(folder / "model"),
            tokenizer=tokenizer,
            device=0 if torch.cuda.is_available() else -1,
            dtype=torch.bfloat16 if options.bf16 else torch.float32,
        )
        texts, labels = list(data["test"]["text"]), list(data["test"]["label"])
        if options.strong:  # a pipeline pads each batch to its longest text
            order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
            texts, labels = [texts[row] for row in order], [labels[row] for row in order]
        predicted = classify(texts, batch_size=options.predict_batch, max_length=options.max_length, truncation=True)
        result["predict_seconds"] = time.perf_counter() - start
        right = [p["label"] == ("NEGATIVE", "POSITIVE")[t] for p, t in zip(predicted, labels, strict=True)]
        result["test_accuracy"] = sum(right) / len(right)

    result["total_seconds"] = time.perf_counter() - STARTED
    result["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if torch.cuda.is_available():
        result["peak_gpu_bytes"] = torch.cuda.max_memory_allocated()
    options.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
