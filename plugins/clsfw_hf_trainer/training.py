"""`Trainer` with the run's own flow: when to log, evaluate and save, where to, and what must never happen silently."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import DefaultFlowCallback, PrinterCallback, TrainerCallback

from clsfw import TrainingError
from clsfw_hf_trainer.globals import kept_randomness
from clsfw_hf_trainer.predict import all_logits, chances
from clsfw_hf_trainer.rows import collate
from clsfw_torch.progress import Progress, read_progress
from clsfw_torch.weights import load_weights, weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from transformers import TrainerControl, TrainerState, TrainingArguments

    from clsfw import Checkpoint, Run, TorchClassifier
    from clsfw_hf_trainer import HfTrainerSettings
    from clsfw_hf_trainer.loss import Loss
    from clsfw_hf_trainer.rows import Rows
    from clsfw_torch.length import Length
    from clsfw_torch.target import Target

# What a checkpoint holds beyond `Trainer`'s own files.
_PROGRESS, _BEST = "clsfw.json", "best.safetensors"


class Flow(TrainerCallback):
    """Says after each step what is due, in place of `DefaultFlowCallback`."""

    def __init__(self, training: Training) -> None:
        self._training = training

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Stop before an update that is not finite."""
        self._training.check_finite()

    def on_step_end(self, *given: Any, **_: Any) -> TrainerControl:
        """Order what is due."""
        state: TrainerState = given[1]
        control: TrainerControl = given[2]
        training = self._training
        settings, length, step = training.settings, training.length, state.global_step
        training.progress.step = step
        training.progress.loss_steps += 1
        training.run.reporter.progress("training", step, length.total, "steps")
        training.stopping = training.run.stop_requested  # asked once: a signal from now on waits for the next step
        control.should_log = length.due(settings.logging_steps, step)
        control.should_evaluate = length.due(settings.eval_steps, step)
        control.should_save = length.due(settings.save_steps, step) or training.stopping
        control.should_training_stop = step >= length.total or training.stopping
        return control


class Training(transformers.Trainer):
    """One fit."""

    def __init__(
        self,
        arguments: TrainingArguments,
        *,
        settings: HfTrainerSettings,
        model: TorchClassifier,
        rows: Mapping[str, Rows],
        loss: Loss,
        length: Length,
        run: Run,
        target: Target,
    ) -> None:
        self.settings, self.length, self.run = settings, length, run
        self.progress = Progress()
        self.best: dict[str, torch.Tensor] | None = None
        self.stopping = False
        self._classifier, self._rows, self._loss, self._target = model, rows, loss, target
        self._window = torch.zeros((), dtype=torch.float64, device=target.device)
        super().__init__(
            model=model.module,
            args=arguments,
            data_collator=partial(collate, pad=model.pad_token_id),
            train_dataset=rows["train"],
            compute_loss_func=self._loss_of,
        )
        # The loss is computed here, from the logits: the model itself needs no word on how to scale one.
        self.model_accepts_loss_kwargs = False
        self.remove_callback(DefaultFlowCallback)
        self.remove_callback(PrinterCallback)
        self.add_callback(Flow(self))

    def run_to_the_end(self, checkpoint: Checkpoint | None) -> None:
        """Train from a checkpoint, or from the beginning, unless all is done already."""
        folder = None
        if checkpoint is not None:
            folder = checkpoint.path / f"checkpoint-{checkpoint.step}"
            self.progress = read_progress(folder / _PROGRESS, "hf-trainer")
            self.best = load_file(folder / _BEST) if (folder / _BEST).exists() else None
            self._window.fill_(self.progress.loss_sum)
        if checkpoint is not None and (checkpoint.step >= self.length.total or self.progress.gave_up(self.settings)):
            # `train` would take one more step from here.
            self._load_from_checkpoint(str(folder))
        else:
            self.train(resume_from_checkpoint=None if folder is None else str(folder))
        if self.stopping:
            self.run.stop()
        if self.settings.load_best_model_at_end and self.best is not None:
            load_weights(self._classifier.module, self.best)

    def check_finite(self) -> None:
        """Check loss and gradients before an update.

        Raises:
            TrainingError: one is not finite.

        """
        gradients = [parameter.grad for parameter in self._classifier.module.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        if not bool(torch.isfinite(norm) & torch.isfinite(self._window)):
            raise TrainingError(
                f"step {self.state.global_step + 1}: loss or gradients are not finite at learning rate "
                f"{self._get_learning_rate():.3g}, so no update was made; "
                "try a lower learning_rate, more warmup_steps or a smaller max_grad_norm"
                + (', or precision = "fp32"' if self._target.precision != "fp32" else "")
            )

    def _loss_of(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | None = None
    ) -> torch.Tensor:
        divisor = self._loss.divisor(labels) if num_items_in_batch is None else num_items_in_batch
        return self._loss.summed(outputs.logits, labels) / divisor

    # What follows takes the place of methods of `Trainer`.

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor | None:
        """Return what the summed losses of all accumulated batches are divided by."""
        if not batch_samples:
            return None
        return torch.stack([self._loss.divisor(batch["labels"]) for batch in batch_samples]).sum().to(device)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Keep the logging window here: `Trainer` forgets its own at a resume."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        self._window += loss
        return loss

    def log(self, logs: dict[str, float], *_: Any, **__: Any) -> None:
        """Log to the run; what `Trainer` says at the end of a training is about the clock, and not logged."""
        self.control.should_log = False
        if "loss" not in logs:
            return
        step = self.state.global_step
        values = {
            "loss": self._window.item() / self.progress.loss_steps,
            "learning_rate": float(logs["learning_rate"]),
            "epoch": step / self.length.per_epoch,
        }
        self._window.zero_()
        self.progress.loss_steps = 0
        with kept_randomness(self._target.device):
            self.run.log(step, values)

    def _evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Evaluate without a trace in the random numbers, which would change what is trained."""
        self.control.should_evaluate = False
        with self.run.timed("evaluation_seconds"), kept_randomness(self._target.device):
            rows, step = self._rows["validation"], self.state.global_step
            size, reporter = self.settings.eval_batch_size, self.run.reporter
            logits = all_logits(
                self._classifier, rows, self._target, batch_size=size, reporter=reporter, what="validating"
            )
            truth = torch.from_numpy(rows.truth)
            loss = self._loss.summed(logits, truth).item() / self._loss.divisor(truth).item()
            multi_label = self._classifier.labels.multi_label
            scores = self.run.evaluate(step, "validation", chances(logits, multi_label=multi_label), loss)
        self._judge(scores)
        return scores

    def _judge(self, scores: Mapping[str, float]) -> None:
        settings, progress = self.settings, self.progress
        if progress.judge(settings, scores) and settings.load_best_model_at_end:
            self.best = weights(self._classifier.module)
        if progress.gave_up(settings):
            self.control.should_save = True
            self.control.should_training_stop = True

    def _determine_best_metric(self, *_: Any, **__: Any) -> bool:
        """Say nothing: the best weights are kept above, whether or not they are saved at the same step."""
        return False

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Commit `Trainer`'s own checkpoint, with what it leaves out and without its pickled arguments."""
        self.progress.loss_sum = self._window.item()
        step, elsewhere = self.state.global_step, self.args.output_dir

        def write(folder: Path) -> None:
            self.args.output_dir = str(folder)
            try:
                super(Training, self)._save_checkpoint(model, trial)
            finally:
                self.args.output_dir = elsewhere
            written = folder / f"checkpoint-{step}"
            (written / "training_args.bin").unlink(missing_ok=True)
            (written / _PROGRESS).write_text(self.progress.text(), encoding="utf-8")
            if self.best is not None:
                save_file(self.best, written / _BEST)

        with self.run.timed("checkpoint_seconds"):
            self.run.checkpoints.commit(step, write, keep=self.settings.save_total_limit)
