"""The same mathematics as Hugging Face's own `Trainer`: losses and weights, dropout off, float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn import functional
from transformers import Trainer, TrainingArguments

from clsfw.contract.parts import Labels
from clsfw_hf_trainer import HfTrainerSettings
from clsfw_hf_trainer.trainer import HfTrainer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

THREE = Labels(("a", "b", "c"))
SEVERAL = Labels(("a", "b", "c"), multi_label=True)


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        mask[index, : len(row["input_ids"])] = 1
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([row["labels"] for row in rows])}


def train_reference(
    model: Any, data: Any, folder: Path, *, weights: list[float] | None = None, smoothing: float = 0.0, **arguments: Any
) -> list[float]:
    """Train with `Trainer`, whole batches padded; gives the loss of each step."""
    labels = model.labels
    weight = None if weights is None else torch.tensor(weights)

    def loss(outputs: Any, truth: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        if labels.multi_label:
            return functional.binary_cross_entropy_with_logits(outputs.logits, truth.float())
        mean = functional.cross_entropy(outputs.logits, truth, weight=weight, label_smoothing=smoothing)
        if weights is not None or num_items_in_batch is None:
            return mean
        return mean * len(truth) / num_items_in_batch

    ids = model.tokenize(data["text"]).ids
    truth = [
        [float(c in row) for c in range(len(labels.names))] if labels.multi_label else row for row in data["label"]
    ]
    rows = [{"input_ids": i, "labels": t} for i, t in zip(ids, truth, strict=True)]
    options = {
        "output_dir": str(folder), "use_cpu": True, "seed": 42, "logging_steps": 1, "save_strategy": "no",
        "report_to": "none", "disable_tqdm": True, "remove_unused_columns": False, **arguments,
    }  # fmt: skip
    trainer = Trainer(
        model=model.module,
        args=TrainingArguments(**options),
        train_dataset=rows,
        data_collator=collate,
        compute_loss_func=loss,
    )
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def compare(fit: Callable[..., Any], classifier: Callable[..., Any], data: Any, folder: Path, **case: Any) -> None:
    """Train both ways for 20 steps and compare the losses of all steps and the final weights."""
    labels, weights, accumulate = case.get("labels", THREE), case.get("weights"), case.get("accumulate", 1)
    batch, decay = case.get("batch", 8), 0.01
    options = {
        "max_steps": 20,
        "learning_rate": 1e-3,
        "weight_decay": decay,
        "logging_steps": 1,
        **case.get("both", {}),
    }
    ours, reference = classifier(labels=labels), classifier(labels=labels)
    expected = train_reference(
        reference, data, folder, weights=weights, smoothing=case.get("smoothing", 0.0),
        per_device_train_batch_size=batch, gradient_accumulation_steps=accumulate, **options,
    )  # fmt: skip

    run = fit(
        ours, {"train": data}, batch_size=batch, gradient_accumulation_steps=accumulate, max_batch_tokens=64,
        class_weights=weights, label_smoothing_factor=case.get("smoothing", 0.0), **options,
    )  # fmt: skip

    losses = [values["loss"] for _, values in run._execution.display.logs]
    assert losses == pytest.approx(expected, rel=1e-4, abs=2e-6)
    for name, value in reference.module.state_dict().items():
        torch.testing.assert_close(ours.module.state_dict()[name], value, rtol=1e-4, atol=2e-6, msg=name)


CASES: dict[str, dict[str, Any]] = {
    "full batches": {"rows": 160},
    "a short last batch": {"rows": 61},
    "class weights": {"rows": 61, "weights": [0.5, 2.0, 1.25]},
    "accumulation": {"rows": 61, "accumulate": 3, "batch": 4},
    "label smoothing": {"rows": 61, "smoothing": 0.1},
    "several labels per text": {"rows": 64, "labels": SEVERAL},
    "warm-up and cosine": {"rows": 61, "both": {"warmup_steps": 5, "lr_scheduler_type": "cosine"}},
    "tight clipping": {"rows": 61, "both": {"max_grad_norm": 0.1}},
    # A twentieth of each weight goes, far more than the tolerance; so a decay that is not heeded is seen.
    "strong weight decay": {"rows": 61, "both": {"weight_decay": 0.9, "learning_rate": 3e-3}},
    "other decay rates of AdamW": {"rows": 61, "both": {"adam_beta1": 0.7, "adam_beta2": 0.9, "adam_epsilon": 1e-3}},
}


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning")  # Trainer, without a GPU
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_same_losses_and_weights_as_trainer(
    case: dict[str, Any],
    fit: Callable[..., Any],
    classifier: Callable[..., Any],
    data: Callable[..., Any],
    tmp_path: Path,
) -> None:
    compare(fit, classifier, data(case["rows"], case.get("labels", THREE)), tmp_path / "reference", **case)


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning")  # Trainer, without a GPU
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"class_weights": "balanced", "label_smoothing_factor": 0.1},
        {"gradient_accumulation_steps": 3, "class_weights": [0.5, 2.0, 1.0]},
        {"warmup_ratio": 0.2, "lr_scheduler_type": "cosine", "max_grad_norm": 0.5},
        {"weight_decay": 0.9, "learning_rate": 3e-3, "adam_beta1": 0.7, "adam_beta2": 0.9, "adam_epsilon": 1e-3},
    ],
    ids=[
        "plain",
        "class weights and smoothing",
        "accumulation with class weights",
        "warm-up, cosine, clipping",
        "AdamW",
    ],
)
def test_swapping_the_trainers_changes_nothing_but_rounding(kit: Any, options: dict[str, Any]) -> None:
    splits = {"train": kit.data(61, THREE), "validation": kit.data(20, THREE, seed=1)}
    options = {
        "device": "cpu", "batch_size": 8, "max_steps": 20, "learning_rate": 1e-3, "weight_decay": 0.01,
        "logging_steps": 1, "eval_steps": 10, **options,
    }  # fmt: skip
    ours, theirs = kit.classifier(labels=THREE), kit.classifier(labels=THREE)
    run = kit.fit(ours, splits, name="ours", **options)

    with kit.open_run(splits, THREE, name="theirs") as reference:
        HfTrainer(HfTrainerSettings(**options)).fit(theirs, splits, reference)

    assert [step for step, _ in run._execution.display.logs] == [step for step, _ in reference._execution.display.logs]
    for (_, mine), (_, other) in zip(run._execution.display.logs, reference._execution.display.logs, strict=True):
        assert mine == pytest.approx(other, rel=1e-4, abs=2e-6)
    for (_, my_loss, _), (_, loss, _) in zip(
        run._execution.display.evaluations, reference._execution.display.evaluations, strict=True
    ):
        assert my_loss == pytest.approx(loss, rel=1e-4)
    for name, value in theirs.module.state_dict().items():
        torch.testing.assert_close(ours.module.state_dict()[name], value, rtol=1e-4, atol=2e-6, msg=name)
