"""The settings that all trainers of torch models share, and how they must fit each other and the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

import clsfw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw import Labels, PlanFacts

Weight = Annotated[float, Field(ge=0)]
Every = Annotated[int, Field(ge=1)] | Literal["epoch"]
"""A number of steps, or the end of each epoch."""


class TorchTrainerSettings(clsfw.Settings):
    """Settings of every trainer here; where `TrainingArguments` has an option, it has the same name."""

    batch_size: int = Field(default=32, ge=1, description="texts in one batch")
    gradient_accumulation_steps: int = Field(default=1, ge=1, description="batches that make one optimizer step")
    max_steps: int | None = Field(default=None, ge=1, description="optimizer steps in all; instead of num_train_epochs")
    num_train_epochs: float | None = Field(
        default=None, gt=0, le=100_000, description="passes over the training texts; 3 if max_steps is not given either"
    )
    learning_rate: float = Field(default=5e-5, gt=0, le=1, description="the highest learning rate of the schedule")
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = Field(
        default="linear", description="how the learning rate goes on after the warm-up"
    )
    warmup_steps: int = Field(default=0, ge=0, description="steps in which the learning rate rises from 0")
    warmup_ratio: float = Field(default=0.0, ge=0, lt=1, description="the same as a share of all steps")
    weight_decay: float = Field(default=0.0, ge=0, lt=1, description="AdamW's decay, of all but biases and norms")
    adam_beta1: float = Field(default=0.9, ge=0, lt=1, description="AdamW's first decay rate")
    adam_beta2: float = Field(default=0.999, ge=0, lt=1, description="AdamW's second decay rate")
    adam_epsilon: float = Field(default=1e-8, gt=0, description="what keeps AdamW from dividing by zero")
    max_grad_norm: float = Field(default=1.0, ge=0, description="gradients are scaled down to this norm; 0 never")
    label_smoothing_factor: float = Field(default=0.0, ge=0, lt=1, description="share of each label spread over all")
    class_weights: Literal["balanced"] | list[Weight] | dict[str, Weight] | None = Field(
        default=None,
        description="weight of each class in the loss: a list in the order of the labels, a table label = weight (1 "
        'where left out), or "balanced"',
    )
    eval_steps: Every | None = Field(default=None, description='validate every so many steps, or each "epoch"')
    save_steps: Every = Field(default=500, description='commit a checkpoint every so many steps, or each "epoch"')
    logging_steps: int = Field(default=50, ge=1, description="log loss and learning rate every so many steps")
    save_total_limit: int = Field(default=2, ge=1, description="checkpoints that are kept while the run goes on")
    metric_for_best_model: str | None = Field(default=None, min_length=1, description='the score to watch, or "loss"')
    greater_is_better: bool | None = Field(default=None, description="false for a score to be small; known for most")
    load_best_model_at_end: bool = Field(default=False, description="end with the weights of the best validation")
    early_stopping_patience: int | None = Field(
        default=None, ge=1, description="validations without a better score after which training ends"
    )
    early_stopping_threshold: float = Field(default=0.0, ge=0, description="how much better counts as better")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto: CUDA where there is one")
    precision: Literal["auto", "fp32", "bf16", "tf32"] = Field(
        default="auto",
        description="auto: bf16 arithmetic where the chip has it, else fp32; trained weights are always float32",
    )
    full_determinism: bool = Field(default=False, description="same bits on a GPU too, at some cost in speed")
    gradient_checkpointing: bool = Field(
        default=False, description="compute layers again in the backward pass: less memory, a third more time"
    )

    def better(self) -> Literal[1, -1]:
        """Return whether the watched score should be great (1) or small (-1)."""
        if self.greater_is_better is not None:
            return 1 if self.greater_is_better else -1
        return -1 if (self.metric_for_best_model or "").endswith("loss") else 1

    def check_plan(self, facts: PlanFacts) -> Iterator[tuple[str, str]]:
        """Return (key, message) for each setting that does not fit another one or the rest of the recipe."""
        if self.max_steps is not None and self.num_train_epochs is not None:
            yield "num_train_epochs", "max_steps says already how long to train; keep one of the two"
        if self.warmup_steps and self.warmup_ratio:
            yield "warmup_ratio", "warmup_steps says already how long the warm-up is; keep one of the two"
        if self.max_steps is not None and self.warmup_steps >= self.max_steps:
            yield "warmup_steps", f"{self.warmup_steps} is not less than max_steps = {self.max_steps}"
        if self.lr_scheduler_type == "constant" and (self.warmup_steps or self.warmup_ratio):
            yield "lr_scheduler_type", "'constant' has no warm-up; write 'constant_with_warmup'"
        if self.eval_steps is not None and "validation" not in facts.splits:
            yield "eval_steps", "there is no validation split to evaluate; add one under [split], or drop eval_steps"
        if facts.labels is not None:
            yield from self._check_labels(facts.labels)
        unseen = [step for step in facts.expected_steps if not self._validates(step)]
        if unseen:
            yield "eval_steps", f"[expect.history] expects scores at step {unseen[0]}, where nothing is validated"
        yield from self._check_best_model(facts)

    def _check_labels(self, labels: Labels) -> Iterator[tuple[str, str]]:
        weights = self.class_weights
        if isinstance(weights, list) and (len(weights) != len(labels.names) or not any(weights)):
            names = ", ".join(labels.names)
            yield "class_weights", f"it needs {len(labels.names)} numbers, not all 0, one for each label: {names}"
        if weights == "balanced" and labels.multi_label:
            yield "class_weights", "'balanced' is for one label per text; give weights instead"
        if isinstance(weights, dict):
            for name in weights.keys() - set(labels.names):
                yield f"class_weights.{name}", f"it is none of the labels {', '.join(labels.names)}"
        if self.label_smoothing_factor and labels.multi_label:
            yield "label_smoothing_factor", "it is for one label per text; set it to 0 for this data"

    def _validates(self, step: int) -> bool:
        """Return whether a step may be one that is validated after; how long an epoch is, only the data says."""
        every, last = self.eval_steps, self.max_steps
        if every is None or (last is not None and step > last):
            return False
        return every == "epoch" or step % every == 0 or step == last or last is None

    def _check_best_model(self, facts: PlanFacts) -> Iterator[tuple[str, str]]:
        name = self.metric_for_best_model
        for key in ("load_best_model_at_end", "early_stopping_patience"):
            if not getattr(self, key):
                continue
            if name is None:
                yield key, "it needs metric_for_best_model to say which score to watch"
            if self.eval_steps is None:
                yield key, "it needs eval_steps to say when to validate"
        known = {**facts.scores, "loss": False}
        if name is None:
            if self.greater_is_better is not None:
                yield "greater_is_better", "it needs metric_for_best_model to say which score it is about"
        elif name not in known and facts.complete:
            yield "metric_for_best_model", f"no metric of this recipe gives {name!r}; known are {_listed(known)}"
        elif (self.better() == 1) != known.get(name, self.better() == 1):
            yield "greater_is_better", f"{name!r} is better when {'greater' if known[name] else 'smaller'}"


def _listed(names: dict[str, bool]) -> str:
    return ", ".join(repr(name) for name in names)
