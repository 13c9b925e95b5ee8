"""The training loop: steps, and after each of them what is due, in the order that a run expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw import ClsfwError, TrainingError
from clsfw_gpu_trainer.distributed import Word
from clsfw_gpu_trainer.saving import Saver
from clsfw_gpu_trainer.state import State, restore_state
from clsfw_torch.progress import Progress
from clsfw_torch.weights import load_weights, weights

if TYPE_CHECKING:
    import torch

    from clsfw import Run
    from clsfw_gpu_trainer import GpuTrainerSettings
    from clsfw_gpu_trainer.distributed import Team
    from clsfw_gpu_trainer.steps import Steps


class Training:
    """One run of the loop, and how far it is."""

    def __init__(self, settings: GpuTrainerSettings, steps: Steps, run: Run, team: Team) -> None:
        self._settings = settings
        self._steps = steps
        self._run = run
        self._team = team
        self._progress = Progress()
        self._best: dict[str, torch.Tensor] | None = None
        aside = steps.target.device.type == "cuda"
        self._saver = Saver(run.checkpoints, keep=settings.save_total_limit, aside=aside)

    def run(self) -> None:
        """Train to the end, from the last checkpoint if there is one."""
        try:
            with self._saver:
                self._train()
        except ClsfwError:  # raised between two steps, where the other processes listen
            self._team.tell(Word.END)
            raise
        self._team.tell(Word.TRAINED)  # the others stay, for the predictions

    def _train(self) -> None:
        self._resume()
        settings, progress, length = self._settings, self._progress, self._steps.length
        self._run.record(**length.facts())
        # `rows` int64 [B] are row numbers of the training split, endless, in the order of Hugging Face's Trainer. A run
        # that goes on begins at its own step: the order hangs on seed and epoch alone, so nothing of it is saved.
        for rows in self._steps.rows(progress.step):
            if progress.step >= length.total or progress.gave_up(settings):
                break
            with self._run.timed("train_seconds"):
                # The other processes of torchrun have the same rows at hand; one word sets them to the same step.
                self._team.tell(Word.STEP)
                self._steps.take(progress.step, rows)
                progress.step += 1
                progress.loss_steps += 1
            stopping = self._run.stop_requested  # asked once: a signal from now on waits for the next step
            self._report(stopping)
            if stopping:
                # Only now, with the state of this very step on the disk, may the process end.
                with self._run.timed("checkpoint_seconds"):
                    self._saver.finish()
                self._run.stop()
        with self._run.timed("checkpoint_seconds"):
            self._saver.finish()  # on a GPU a thread may still be writing the last one
        # The weights of the best validation, not of the last step, are what is saved and judged, if so asked.
        if settings.load_best_model_at_end and self._best is not None:
            load_weights(self._steps.module, self._best)
        if progress.best_step is not None:
            self._run.record(best_step=progress.best_step)

    def _resume(self) -> None:
        checkpoint = self._run.checkpoints.latest()
        steps = self._steps
        if checkpoint is not None:
            self._progress, self._best = restore_state(checkpoint.path, steps.module, steps.optimizer)
            # The losses since the last logged line are a part of the state, or the next line would differ.
            steps.window.fill_(self._progress.loss_sum)
        self._team.tell(Word.START)
        self._team.share_state(self._progress.step, steps.module, steps.optimizer)

    def _report(self, stopping: bool) -> None:
        """Log, evaluate and save after a step, in this order, each where it is due."""
        settings, step, length = self._settings, self._progress.step, self._steps.length
        self._run.reporter.progress("training", step, length.total, "steps")
        log = length.due(settings.logging_steps, step)
        evaluate = length.due(settings.eval_steps, step)
        save = length.due(settings.save_steps, step) or stopping
        # Whether the update was made is known on the device alone. Asking makes the host wait, so on a GPU it is asked
        # where the host has to wait anyway; on the CPU, where asking is free, after each step.
        if log or evaluate or save or self._steps.target.device.type == "cpu":
            with self._run.timed("train_seconds"):  # on CUDA the host waits here for the steps that it asked for
                self._check_finite()
        if log:
            self._log()
        if evaluate:
            with self._run.timed("evaluation_seconds"):
                self._evaluate()
        if save or self._progress.gave_up(settings):
            self._save()

    def _check_finite(self) -> None:
        bad = self._steps.optimizer.first_bad_step()
        if bad is not None:
            raise TrainingError(
                f"step {bad}: loss or gradients are not finite at learning rate {self._steps.rate(bad - 1):.3g}, "
                "so no update was made; try a lower learning_rate, more warmup_steps or a smaller max_grad_norm"
                + (', or precision = "fp32"' if self._steps.target.precision != "fp32" else "")
            )

    def _log(self) -> None:
        progress, window = self._progress, self._steps.window
        values = {
            "loss": window.item() / progress.loss_steps,  # the mean over steps, each the mean over its batch
            "learning_rate": self._steps.rate(progress.step - 1),
            "epoch": progress.step / self._steps.length.per_epoch,
        }
        window.zero_()
        progress.loss_steps = 0
        self._run.log(progress.step, values)

    def _evaluate(self) -> None:
        self._team.tell(Word.VALIDATE)
        probabilities, loss = self._steps.validate()  # [N, C], and the mean over N
        scores = self._run.evaluate(self._progress.step, "validation", probabilities, loss)
        # The best weights stay on the device: a copy there takes a thousandth of one to the host.
        if self._progress.judge(self._settings, scores) and self._settings.load_best_model_at_end:
            self._best = weights(self._steps.module)

    def _save(self) -> None:
        steps, progress = self._steps, self._progress
        progress.loss_sum = steps.window.item()
        with self._run.timed("checkpoint_seconds"):
            # Weights, AdamW's two moments, the progress and the best weights: all that the next step hangs on. Dropout
            # has no state, since each part of each step seeds its own.
            state = State.take(steps.module, steps.optimizer, progress, self._best)
            self._saver.commit(progress.step, state)
