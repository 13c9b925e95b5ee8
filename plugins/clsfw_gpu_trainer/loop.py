"""The training loop."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from clsfw.engine.outcomes import references
from clsfw.errors import TrainingError
from clsfw_gpu_trainer.batches import step_rows
from clsfw_gpu_trainer.loss import choose_loss
from clsfw_gpu_trainer.optimizer import Optimizer
from clsfw_gpu_trainer.packed import to_device
from clsfw_gpu_trainer.predict import probabilities
from clsfw_gpu_trainer.schedule import learning_rate, plan_length
from clsfw_gpu_trainer.state import Progress, load_weights, part_seed, restore_state, save_state, weights
from clsfw_gpu_trainer.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.engine.run import Run
    from clsfw_gpu_trainer import GpuTrainerSettings
    from clsfw_gpu_trainer.forward import Forward


class Training:
    """One run of the loop: what stays the same over its steps, and what they change."""

    def __init__(
        self,
        settings: GpuTrainerSettings,
        forward: Forward,
        data: Mapping[str, Dataset],
        run: Run,
    ) -> None:
        model, target = forward.model, forward.target
        self._settings = settings
        self._forward = forward
        self._run = run
        self._target = target
        self._length = plan_length(settings, len(data["train"]))
        splits = ["train", *(["validation"] if settings.eval_steps is not None else [])]
        with run.timed("tokenize_seconds"):
            self._tokens = {split: tokenize(model, data[split]["text"], run.reporter) for split in splits}
        self._truth = {split: references(data[split], model.labels) for split in splits}
        self._loss = choose_loss(settings, model.labels, self._truth["train"]).to(target.device)
        self._module = model.module
        self._optimizer = Optimizer(self._module, settings)
        self._progress = Progress()
        self._best: dict[str, torch.Tensor] | None = None
        self._window = torch.zeros((), dtype=torch.float64, device=target.device)
        run.record(steps=self._length.total, epochs=self._length.total / self._length.per_epoch)

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one."""
        self._resume()
        settings, progress = self._settings, self._progress
        per_step = settings.batch_size * settings.gradient_accumulation_steps
        for rows in step_rows(len(self._truth["train"]), self._run.seed, per_step, progress.step):
            if progress.step >= self._length.total or self._gave_up():
                break
            with self._run.timed("train_seconds"):
                self._step(rows)
            stopping = self._run.stop_requested  # asked once: a signal from now on waits for the next step
            self._report(stopping)
            if stopping:
                self._run.stop()
        if settings.load_best_model_at_end and self._best is not None:
            load_weights(self._module, self._best)
        if progress.best_step is not None:
            self._run.record(best_step=progress.best_step)

    def _resume(self) -> None:
        checkpoint = self._run.checkpoints.latest()
        if checkpoint is None:
            return
        self._progress, self._best = restore_state(checkpoint.path, self._module, self._optimizer)
        self._window.fill_(self._progress.loss_sum)
        self._run.reporter.note(f"going on after step {self._progress.step} of {self._length.total}")

    def _gave_up(self) -> bool:
        patience = self._settings.early_stopping_patience
        return patience is not None and self._progress.stale >= patience

    def _step(self, rows: NDArray[np.int64]) -> None:
        """Take one optimizer step on a batch."""
        progress, target = self._progress, self._target
        truth = self._truth["train"]
        divisor = self._loss.divisor(truth[rows])
        self._module.train()
        for number, part in enumerate(self._forward.parts(self._tokens["train"], rows)):
            self._forward.seed(part_seed(self._run.seed, progress.step, number))
            targets = to_device(truth[part.rows], target.device)
            # Each part adds its share to the gradient of the whole batch.
            loss = self._loss.summed(self._forward.logits(part), targets) / divisor
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self._window += loss.detach()
        rate = learning_rate(self._settings, self._length.total, progress.step)
        progress.step += 1
        progress.loss_steps += 1
        self._optimizer.update(progress.step, rate)

    def _report(self, stopping: bool) -> None:
        """Log, evaluate and save after a step, in this order, each where it is due."""
        settings, progress, length = self._settings, self._progress, self._length
        step = progress.step
        self._run.reporter.progress("training", step, length.total, "steps")
        log = length.due(settings.logging_steps, step)
        evaluate = length.due(settings.eval_steps, step)
        save = length.due(settings.save_steps, step) or stopping
        if log or evaluate or save or self._target.device.type == "cpu":
            self._check_finite()
        if log:
            self._log()
        if evaluate:
            with self._run.timed("evaluation_seconds"):
                self._evaluate()
        if save or self._gave_up():
            self._save()

    def _check_finite(self) -> None:
        bad = self._optimizer.first_bad_step()
        if bad is not None:
            rate = learning_rate(self._settings, self._length.total, bad - 1)
            raise TrainingError(
                f"step {bad}: loss or gradients are not finite at learning rate {rate:.3g}, so no update was made; "
                "try a lower learning_rate, more warmup_steps or a smaller max_grad_norm"
                + (', or precision = "fp32"' if self._target.precision != "fp32" else "")
            )

    def _log(self) -> None:
        progress = self._progress
        values = {
            "loss": self._window.item() / progress.loss_steps,
            "learning_rate": learning_rate(self._settings, self._length.total, progress.step - 1),
            "epoch": progress.step / self._length.per_epoch,
        }
        self._window.zero_()
        progress.loss_steps = 0
        self._run.log(progress.step, values)

    def _evaluate(self) -> None:
        settings, progress = self._settings, self._progress
        judge = (self._loss, self._truth["validation"])
        chances, loss = probabilities(
            self._forward,
            self._tokens["validation"],
            reporter=self._run.reporter,
            what="validating",
            judge=judge,
        )
        scores = self._run.evaluate(progress.step, "validation", chances, loss)
        if settings.metric_for_best_model is None:
            return
        if settings.metric_for_best_model not in scores:
            known = ", ".join(repr(name) for name in scores)
            raise TrainingError(f"metric_for_best_model {settings.metric_for_best_model!r}: the metrics give {known}")
        value = scores[settings.metric_for_best_model]
        gain = None if progress.best_value is None else settings.better() * (value - progress.best_value)
        progress.stale = 0 if gain is None or gain > settings.early_stopping_threshold else progress.stale + 1
        if gain is None or gain > 0:
            progress.best_value, progress.best_step = value, progress.step
            if settings.load_best_model_at_end:
                self._best = weights(self._module)

    def _save(self) -> None:
        self._progress.loss_sum = self._window.item()
        progress = dataclasses.replace(self._progress)

        def write(folder: Path) -> None:
            save_state(folder, self._module, self._optimizer, progress, self._best)

        with self._run.timed("checkpoint_seconds"):
            self._run.checkpoints.commit(progress.step, write, keep=self._settings.save_total_limit)
