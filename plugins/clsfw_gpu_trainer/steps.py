"""What a step and a validation compute: the same in every process of a run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from clsfw.kit import references, texts_of
from clsfw_gpu_trainer.batches import step_rows
from clsfw_gpu_trainer.distributed import Word
from clsfw_gpu_trainer.gradients import Gradients
from clsfw_gpu_trainer.loss import choose_loss
from clsfw_gpu_trainer.optimizer import Optimizer
from clsfw_gpu_trainer.predict import probabilities
from clsfw_gpu_trainer.schedule import learning_rate
from clsfw_gpu_trainer.state import part_seed
from clsfw_torch.length import plan_length
from clsfw_torch.packed import to_device
from clsfw_torch.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw import Reporter
    from clsfw_gpu_trainer import GpuTrainerSettings
    from clsfw_gpu_trainer.distributed import Team
    from clsfw_gpu_trainer.forward import Forward
    from clsfw_torch.tokens import Tokens


class Steps:
    """Data, loss and optimizer of a run, and what is done with them."""

    def __init__(
        self,
        settings: GpuTrainerSettings,
        forward: Forward,
        data: Mapping[str, Dataset],
        *,
        seed: int,
        reporter: Reporter,
        team: Team,
    ) -> None:
        model = forward.model
        splits = ["train", *(["validation"] if settings.eval_steps is not None else [])]
        self.length = plan_length(settings, len(data["train"]))
        self.module = model.module
        self.target = forward.target
        self.optimizer = Optimizer(model.module, settings)
        self.window = torch.zeros((), dtype=torch.float64, device=forward.target.device)
        self._settings = settings
        self._forward = forward
        self._seed = seed
        self._reporter = reporter
        self._team = team
        self._tokens = {split: tokenize(model, texts_of(data[split]), reporter) for split in splits}
        self._truth = {split: references(data[split], model.labels) for split in splits}
        self._require_same(self._tokens)
        self._tell_idle()
        self._loss = choose_loss(settings, model.labels, self._truth["train"]).to(forward.target.device)

    def rows(self, first: int) -> Iterator[NDArray[np.int64]]:
        """Return the texts of each step from step `first` on, counted from 0."""
        per_step = self._settings.batch_size * self._settings.gradient_accumulation_steps
        return step_rows(len(self._truth["train"]), self._seed, per_step, first)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return learning_rate(self._settings, self.length.total, step)

    def take(self, step: int, rows: NDArray[np.int64]) -> None:
        """Take one optimizer step, counted from 0; its loss is added to `window`."""
        truth, team = self._truth["train"], self._team
        # The batch of B rows comes in parts of unequal size, so the mean is made of sums: each part's sum [] over the
        # divisor of the whole batch (B, or the sum of its class weights). The gradients of the parts then add up to
        # those of the batch, whatever the cut.
        divisor = self._loss.divisor(truth[rows])
        shares = self._forward.shares(self._tokens["train"], rows, team.multiple)
        losses = torch.zeros(len(shares), dtype=torch.float64, device=self.target.device)  # [P] of P parts
        gradients = Gradients(self.optimizer.parameters.values(), team)
        self.module.train()
        with self._forward.weights_cast_once():
            for numbers in team.rounds(len(shares)):
                for number in numbers:
                    # Dropout is drawn from seed, step and part alone: a step taken again after a crash, or by another
                    # number of processes, draws the same masks.
                    self._forward.seed(part_seed(self._seed, step, number))
                    part = self._forward.part(self._tokens["train"], shares[number])
                    targets = to_device(truth[part.rows], self.target.device)  # [b], or 0/1 [b, C]
                    loss = self._loss.summed(self._forward.logits(part), targets) / divisor  # logits [b, C], loss []
                    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                    losses[number] = loss.detach()  # stays on the device; the host reads it when a line is logged
                    gradients.part_done()
                gradients.round_done()
        # Every process holds the sum of the gradients of all parts, in float32, and the loss of each of them.
        gradients.finish()
        team.sum_(losses)
        total = torch.zeros_like(self.window)
        for loss in losses:
            total += loss
        self.window += total
        self.optimizer.update(step + 1, self.rate(step))

    def validate(self) -> tuple[NDArray[np.float32], float | None]:
        """Return probabilities [N, C] of the validation texts, and their mean loss."""
        judge = (self._loss, self._truth["validation"])
        return probabilities(
            self._forward,
            self._tokens["validation"],
            reporter=self._reporter,
            what="validating",
            linears=self._forward.half(),
            judge=judge,
            team=self._team,
        )

    def assist(self) -> None:
        """Do what rank 0 says until it says that the model is trained, or that all is over; for the other processes."""
        if self._team.hear() is Word.END:
            return
        step = self._team.share_state(0, self.module, self.optimizer)
        rows = self.rows(step)
        while (word := self._team.hear()) not in {Word.TRAINED, Word.END}:
            if word is Word.STEP:
                self.take(step, next(rows))
                step += 1
            else:
                self.validate()

    def _tell_idle(self) -> None:
        """Warn where a step has fewer parts than there are processes, as its first one shows."""
        team, tokens = self._team, self._tokens["train"]
        if team.size == 1 or team.rank > 0:
            return
        rows = next(self.rows(0))
        parts = len(self._forward.shares(tokens, rows, team.multiple))
        if parts < team.size and len(rows) >= team.size:
            fitting = max(1, int(tokens.lengths[rows].sum()) // team.size)
            self._reporter.warn(
                f"a step has {parts} of the parts that processes share, so {team.size - parts} of {team.size} "
                f"processes have nothing to do; set max_batch_tokens to {fitting} or less, or start fewer"
            )

    def _require_same(self, tokens: Mapping[str, Tokens]) -> None:
        """See that all processes have the same settings and data: another host may have files of its own."""
        if self._team.size == 1:
            return
        data = hashlib.sha256()
        for split in sorted(tokens):
            for array in (tokens[split].ids, tokens[split].starts, self._truth[split]):
                data.update(np.ascontiguousarray(array).reshape(-1).data)
        settings = hashlib.sha256(f"{self._seed} {self._settings!r}".encode())
        self._team.require_same(
            "give all hosts the same recipe, the same files and the same model",
            trainer=settings.hexdigest()[:8],
            data=data.hexdigest()[:8],
        )
