"""The component: what the engine calls."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

import torch

from clsfw import Prediction, TorchClassifier, TrainingError
from clsfw_gpu_trainer.device import Target, choose_target, require_device
from clsfw_gpu_trainer.distributed import Team, joined
from clsfw_gpu_trainer.forward import Forward, prepared
from clsfw_gpu_trainer.loop import Training
from clsfw_gpu_trainer.predict import probabilities
from clsfw_gpu_trainer.schedule import plan_length
from clsfw_gpu_trainer.steps import Steps
from clsfw_gpu_trainer.tokens import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from datasets import Dataset

    from clsfw import Reporter, Run
    from clsfw_gpu_trainer import GpuTrainerSettings

# float32 each: the weight, its gradient and AdamW's two moments; a checkpoint holds all but the gradient.
_MEMORY_PER_PARAMETER = 16
_DISK_PER_PARAMETER = 12
_WEIGHT = 4

_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class GpuTrainer:
    """Trains and predicts on a CUDA device or the CPU."""

    needs: ClassVar[type[Any]] = TorchClassifier

    def __init__(self, settings: GpuTrainerSettings) -> None:
        self._settings = settings
        self._target: Target | None = None
        self._packed: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()

    def fit(self, model: TorchClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place; see `Trainer.fit`."""
        target = self._choose(run.reporter)
        with self._ready(model, target, run.reporter) as (forward, team):
            made = {**target.facts(), **_ways(forward), "processes": team.size}
            run.record(**made)
            with run.timed("tokenize_seconds"):
                steps = Steps(self._settings, forward, data, seed=run.seed, reporter=run.reporter, team=team)
            Training(self._settings, steps, run, team, made).run()
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
        with target.applied(), kept, self._memory_advice(model, target), joined(target) as team:
            model.module.to(target.device)
            with self._prepared(model, target, reporter) as forward:
                team.require_same(precision=target.precision, **_ways(forward))
                yield forward, team

    @contextlib.contextmanager
    def _prepared(self, model: TorchClassifier, target: Target, reporter: Reporter) -> Iterator[Forward]:
        """Make a model ready; whether it takes packed input is asked once, as that may take longer than a text."""
        with prepared(model, target, reporter, known=self._packed.get(model.module)) as forward:
            self._packed[model.module] = forward.packed
            yield forward

    def predict(self, model: TorchClassifier, texts: Sequence[str], reporter: Reporter) -> Prediction:
        """Predict in the order given; see `Trainer.predict`."""
        target = self._choose(reporter)
        # A split of a run comes again with the next run; a list is somebody's rows, which are seen once.
        tokens = tokenize(model, texts, reporter, keep=not isinstance(texts, list))
        with target.applied(), self._memory_advice(model, target):
            model.module.to(target.device)
            with self._prepared(model, target, reporter) as forward:
                chances, _ = probabilities(forward, tokens, reporter=reporter, what="predicting")
        return Prediction(chances, tokens.whole, tokens.truncated)

    def plan_training(self, rows: int, parameters: int) -> dict[str, float]:
        """Say what a fit will take, activations not counted, and see that the device is there; see `PlansTraining`."""
        require_device(self._settings)
        length = plan_length(self._settings, rows)
        best = _WEIGHT if self._settings.load_best_model_at_end else 0
        kept = self._settings.save_total_limit + 1  # the next one is written before the oldest goes
        return {
            "steps": length.total,
            "epochs": length.total / length.per_epoch,
            "memory_bytes": parameters * (_MEMORY_PER_PARAMETER + best),
            "disk_bytes": parameters * ((_DISK_PER_PARAMETER + best) * kept + _WEIGHT),
        }

    def _choose(self, reporter: Reporter) -> Target:
        if self._target is None:
            self._target = choose_target(self._settings, reporter)
        return self._target

    @contextlib.contextmanager
    def _memory_advice(self, model: TorchClassifier, target: Target) -> Iterator[None]:
        """Turn running out of memory into advice."""
        try:
            yield
        except (MemoryError, torch.OutOfMemoryError, RuntimeError) as exc:
            if isinstance(exc, RuntimeError) and not any(words in str(exc) for words in _NO_MEMORY):
                raise
            tokens = target.tokens(packed=self._packed.get(model.module, False))
            raise TrainingError(
                f"out of memory on {target.device} with up to {tokens} tokens at a time; "
                f"set max_batch_tokens lower (one text of max_length = {model.max_length} is the least), "
                "or shorten max_length under [model]; batch_size need not change"
            ) from exc


def _ways(forward: Forward) -> dict[str, object]:
    return {"packed": forward.packed, "max_batch_tokens": forward.budget}
