"""The component: what the engine calls."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

import torch

from clsfw import Prediction, TorchClassifier
from clsfw_gpu_trainer.batches import token_budget
from clsfw_gpu_trainer.distributed import Team, joined
from clsfw_gpu_trainer.forward import Forward, prepared
from clsfw_gpu_trainer.loop import Training
from clsfw_gpu_trainer.predict import probabilities
from clsfw_gpu_trainer.steps import Steps
from clsfw_torch.length import plan_needs
from clsfw_torch.target import Target, choose_target, memory_advice, require_device
from clsfw_torch.tokens import Text, tokenize
from clsfw_torch.weights import require_precision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from datasets import Dataset

    from clsfw import Reporter, Run
    from clsfw_gpu_trainer import GpuTrainerSettings


class GpuTrainer:
    """Trains and predicts on a CUDA device or the CPU."""

    needs: ClassVar[type[Any]] = TorchClassifier
    takes_pairs = True

    def __init__(self, settings: GpuTrainerSettings) -> None:
        self._settings = settings
        self._target: Target | None = None
        self._packed: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()

    def fit(self, model: TorchClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place; see `Trainer.fit`."""
        target = self._choose(run.reporter, run.begun)
        with self._ready(model, target, run.reporter) as (forward, team):
            run.fix(**target.facts(), **_ways(forward), processes=team.size)
            with run.timed("tokenize_seconds"):
                steps = Steps(self._settings, forward, data, seed=run.seed, reporter=run.reporter, team=team)
            Training(self._settings, steps, run, team).run()
        if target.device.type == "cuda":
            run.record(peak_gpu_bytes=torch.cuda.max_memory_allocated(target.device))
        model.module.to("cpu").eval()

    def assist(self, model: TorchClassifier, data: Mapping[str, Dataset], seed: int, reporter: Reporter) -> None:
        """Help the first process with its `fit`; see `TrainsTogether.assist`."""
        target = self._choose(reporter)
        with self._ready(model, target, reporter) as (forward, team):
            Steps(self._settings, forward, data, seed=seed, reporter=reporter, team=team).assist()

    @contextlib.contextmanager
    def _ready(self, model: TorchClassifier, target: Target, reporter: Reporter) -> Iterator[tuple[Forward, Team]]:
        kept = torch.random.fork_rng(devices=[target.device] if target.device.type == "cuda" else [])
        with target.applied(), kept, self._advice(model, target), joined(target) as team:
            require_precision(model.module, target)
            model.module.to(target.device)
            with self._prepared(model, target, reporter) as forward:
                team.require_same(precision=target.precision, **_ways(forward))
                yield forward, team

    @contextlib.contextmanager
    def _prepared(self, model: TorchClassifier, target: Target, reporter: Reporter) -> Iterator[Forward]:
        """Make a model ready; whether it takes packed input is asked once, as that may take longer than a text."""
        options: dict[str, Any] = {
            "max_batch_tokens": self._settings.max_batch_tokens,
            "known": self._packed.get(model.module),
            "gradient_checkpointing": self._settings.gradient_checkpointing,
        }
        with prepared(model, target, reporter, **options) as forward:
            self._packed[model.module] = forward.packed
            yield forward

    def predict(self, model: TorchClassifier, texts: Sequence[Text], reporter: Reporter) -> Prediction:
        """Predict in the order given; see `Trainer.predict`."""
        target = self._choose(reporter)
        # A split of a run comes again with the next run; a list is somebody's rows, which are seen once.
        tokens = tokenize(model, texts, reporter, keep=not isinstance(texts, list))
        with target.applied(), self._advice(model, target):
            model.module.to(target.device)
            with self._prepared(model, target, reporter) as forward:
                chances, _ = probabilities(forward, tokens, reporter=reporter, what="predicting")
        return Prediction(chances, tokens.whole, tokens.truncated, tokens.lost)

    def plan_training(self, rows: int, parameters: int) -> dict[str, float]:
        """Say what a fit will take, activations not counted, and see that the device is there; see `PlansTraining`."""
        require_device(self._settings)
        return plan_needs(self._settings, rows, parameters)

    def _choose(self, reporter: Reporter, begun: Mapping[str, object] | None = None) -> Target:
        if self._target is None:
            self._target = choose_target(self._settings, reporter, begun)
        return self._target

    def _advice(self, model: TorchClassifier, target: Target) -> AbstractContextManager[None]:
        """Turn running out of memory into advice."""

        def advice() -> str:
            tokens = token_budget(
                self._settings.max_batch_tokens, target.device, packed=self._packed.get(model.module, False)
            )
            return (
                f"with up to {tokens} tokens at a time; set max_batch_tokens lower (one text of max_length = "
                f"{model.max_length} is the least), or shorten max_length under [model]; batch_size need not change"
            )

        return memory_advice(target, advice)


def _ways(forward: Forward) -> dict[str, object]:
    return {"packed": forward.packed, "max_batch_tokens": forward.budget}
