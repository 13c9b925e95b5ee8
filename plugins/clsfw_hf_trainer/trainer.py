"""Trains and predicts; `late` is what the engine calls."""

from __future__ import annotations

import contextlib
import math
import tempfile
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from transformers import TrainingArguments

from clsfw import Prediction, TorchClassifier
from clsfw.kit import references, texts_of
from clsfw_hf_trainer.globals import kept_randomness, kept_switches
from clsfw_hf_trainer.late import require_one_process
from clsfw_hf_trainer.loss import choose_loss
from clsfw_hf_trainer.predict import all_logits, chances
from clsfw_hf_trainer.rows import Text, tokenize
from clsfw_hf_trainer.training import Training
from clsfw_torch.length import plan_length
from clsfw_torch.recompute import recomputed
from clsfw_torch.target import choose_target, memory_advice
from clsfw_torch.weights import require_precision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datasets import Dataset

    from clsfw import Reporter, Run
    from clsfw_hf_trainer import HfTrainerSettings
    from clsfw_torch.length import Length
    from clsfw_torch.target import Target


class HfTrainer:
    """Trains with Hugging Face's `Trainer`, and predicts in batches."""

    needs: ClassVar[type[Any]] = TorchClassifier
    takes_pairs = True

    def __init__(self, settings: HfTrainerSettings) -> None:
        self._settings = settings
        self._target: Target | None = None

    def fit(self, model: TorchClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place; see `Trainer.fit`."""
        settings, target = self._settings, self._choose(run.reporter, run.begun)
        require_precision(model.module, target)
        length = plan_length(settings, len(data["train"]))
        run.fix(**target.facts())
        run.record(**length.facts())
        splits = ["train", *(["validation"] if settings.eval_steps is not None else [])]
        truth = {split: references(data[split], model.labels) for split in splits}
        with run.timed("tokenize_seconds"):
            rows = {split: tokenize(model, texts_of(data[split]), run.reporter, truth[split]) for split in splits}
        loss = choose_loss(settings, model.labels, truth["train"])
        with (
            kept_switches(),
            target.applied(),
            kept_randomness(target.device),
            _kept_module(model.module),
            recomputed(model.module) if settings.gradient_checkpointing else contextlib.nullcontext(),
            self._advice(target),
            tempfile.TemporaryDirectory() as elsewhere,
            run.timed("train_seconds"),
        ):
            arguments = self._arguments(elsewhere, length, run.seed, target)
            training = Training(
                arguments, settings=settings, model=model, rows=rows, loss=loss, length=length, run=run, target=target
            )
            training.run_to_the_end(run.checkpoints.latest())
        if target.device.type == "cuda":
            run.record(peak_gpu_bytes=torch.cuda.max_memory_allocated(target.device))
        if training.progress.best_step is not None:
            run.record(best_step=training.progress.best_step)

    def predict(self, model: TorchClassifier, texts: Sequence[Text], reporter: Reporter) -> Prediction:
        """Predict in the order given; see `Trainer.predict`."""
        target = self._choose(reporter)
        rows = tokenize(model, texts, reporter)
        with kept_switches(), target.applied(), self._advice(target):
            model.module.to(target.device)
            logits = all_logits(
                model, rows, target, batch_size=self._settings.eval_batch_size, reporter=reporter, what="predicting"
            )
        return Prediction(chances(logits, multi_label=model.labels.multi_label), rows.tokens, rows.truncated, rows.lost)

    def _choose(self, reporter: Reporter, begun: Mapping[str, object] | None = None) -> Target:
        if self._target is None:
            require_one_process()
            self._target = choose_target(self._settings, reporter, begun)
        return self._target

    def _arguments(self, folder: str, length: Length, seed: int, target: Target) -> TrainingArguments:
        settings = self._settings
        cuda = target.device.type == "cuda"
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=settings.batch_size,
            gradient_accumulation_steps=settings.gradient_accumulation_steps,
            max_steps=length.total,
            learning_rate=settings.learning_rate,
            lr_scheduler_type=settings.lr_scheduler_type,
            warmup_steps=settings.warmup_steps or math.ceil(length.total * settings.warmup_ratio),
            weight_decay=settings.weight_decay,
            adam_beta1=settings.adam_beta1,
            adam_beta2=settings.adam_beta2,
            adam_epsilon=settings.adam_epsilon,
            max_grad_norm=settings.max_grad_norm,
            seed=seed,
            data_seed=seed,
            bf16=settings.precision == "bf16",
            use_cpu=not cuda,
            full_determinism=settings.full_determinism,
            eval_strategy="no",  # the flow of logging, evaluating and saving is our own
            save_strategy="no",
            logging_strategy="no",
            logging_nan_inf_filter=False,
            disable_tqdm=True,
            log_level="error",
            report_to="none",
            remove_unused_columns=False,
            dataloader_pin_memory=cuda,
        )
        if cuda:
            # A second GPU would make `Trainer` split batches over both, and so take larger ones than the recipe says.
            _ = arguments.device
            arguments._n_gpu = 1  # noqa: SLF001  # there is no option for it
        return arguments

    def _advice(self, target: Target) -> contextlib.AbstractContextManager[None]:
        """Turn running out of memory into advice."""
        settings = self._settings
        return memory_advice(
            target,
            lambda: (
                f"with batch_size = {settings.batch_size} and eval_batch_size = {settings.eval_batch_size}; lower them "
                "(gradient_accumulation_steps makes up for it), or shorten max_length under [model]; "
                "gpu-trainer needs far less memory for the same batch"
            ),
        )


@contextlib.contextmanager
def _kept_module(module: torch.nn.Module) -> Iterator[None]:
    """Take back what `Trainer` leaves on a model: its device, a forward of its own, a changed configuration."""
    config = getattr(module, "config", None)
    before = dict(vars(config)) if config is not None else {}
    forward = module.__dict__.get("forward")
    try:
        yield
    finally:
        if config is not None:
            vars(config).clear()
            vars(config).update(before)
        module.__dict__.pop("_original_forward", None)
        module.__dict__.pop("forward", None)
        if forward is not None:
            module.__dict__["forward"] = forward
        module.to("cpu").eval()
