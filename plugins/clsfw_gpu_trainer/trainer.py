"""Trains and predicts; `late` is what the engine calls."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary, finalize

import torch

from clsfw import ClsfwError, Prediction, TorchClassifier, __version__
from clsfw_gpu_trainer.batches import token_budget
from clsfw_gpu_trainer.distributed import Team, Word
from clsfw_gpu_trainer.forward import Forward, prepared
from clsfw_gpu_trainer.loop import Training
from clsfw_gpu_trainer.meeting import joined, meet, part
from clsfw_gpu_trainer.predict import probabilities
from clsfw_gpu_trainer.sharing import offered
from clsfw_gpu_trainer.steps import Steps
from clsfw_torch.target import Target, choose_target, memory_advice
from clsfw_torch.tokens import Text, tokenize
from clsfw_torch.weights import require_precision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw import Reporter, Run
    from clsfw_gpu_trainer import GpuTrainerSettings
    from clsfw_torch.half import HalfLinears
    from clsfw_torch.tokens import Tokens


class GpuTrainer:
    """Trains and predicts on a CUDA device or the CPU."""

    needs: ClassVar[type[Any]] = TorchClassifier
    takes_pairs = True

    def __init__(self, settings: GpuTrainerSettings) -> None:
        self._settings = settings
        self._target: Target | None = None
        self._linears: HalfLinears | None = None
        self._packed: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()
        self._team = Team()

    def fit(self, model: TorchClassifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place; see `Trainer.fit`."""
        self._linears = None
        target = self._choose(run.reporter, run.begun)
        with target.applied():
            team = self._team = meet(target)
            # The others stay for the predictions, however many there are: until this trainer is gone, or the process.
            finalize(self, part, team)
            with self._ready(model, target, team, run.reporter) as forward:
                # The bits of an exact team are those of any other number of processes, so a run may go on with another.
                run.fix(**target.facts(), **_ways(forward), **({} if team.exact else {"processes": team.size}))
                run.record(processes=team.size)
                with run.timed("tokenize_seconds"):
                    steps = Steps(self._settings, forward, data, seed=run.seed, reporter=run.reporter, team=team)
                Training(self._settings, steps, run, team).run()
        if target.device.type == "cuda":
            run.record(peak_gpu_bytes=torch.cuda.max_memory_allocated(target.device))
        model.module.to("cpu").eval()

    def assist(self, model: TorchClassifier, data: Mapping[str, Dataset], seed: int, reporter: Reporter) -> None:
        """Help the first process with its `fit` and with the predictions after it; see `TrainsTogether.assist`."""
        target = self._choose(reporter)
        with target.applied(), joined(target) as team:
            with self._ready(model, target, team, reporter) as forward:
                Steps(self._settings, forward, data, seed=seed, reporter=reporter, team=team).assist()
            model.module.to("cpu")  # makes room for the model that was saved and loaded
            while not team.over and team.hear() is Word.PREDICT:
                sent, tokens = team.take()
                self._predicted(sent, tokens, target, team, reporter)

    @contextlib.contextmanager
    def _ready(self, model: TorchClassifier, target: Target, team: Team, reporter: Reporter) -> Iterator[Forward]:
        kept = torch.random.fork_rng(devices=[target.device] if target.device.type == "cuda" else [])
        with kept, self._advice(model, target):
            require_precision(model.module, target)
            model.module.to(target.device)
            with self._prepared(model, target, reporter, team, training=True) as forward:
                yield forward

    @contextlib.contextmanager
    def _prepared(
        self, model: TorchClassifier, target: Target, reporter: Reporter, team: Team, *, training: bool
    ) -> Iterator[Forward]:
        """Make a model ready; whether it takes packed input is asked once, as that may take longer than a text."""
        options: dict[str, Any] = {
            "max_batch_tokens": self._settings.max_batch_tokens,
            "known": self._packed.get(model.module),
            "training": training,
            "gradient_checkpointing": self._settings.gradient_checkpointing,
        }
        with prepared(model, target, reporter, **options) as forward:
            self._packed[model.module] = forward.packed
            _require_alike(team, target, forward)
            yield forward

    def predict(self, model: TorchClassifier, texts: Sequence[Text], reporter: Reporter) -> Prediction:
        """Predict in the order given; see `Trainer.predict`."""
        target = self._choose(reporter)
        # A split of a run comes again with the next run; a list is somebody's rows, which are seen once.
        tokens = tokenize(model, texts, reporter, keep=not isinstance(texts, list))
        with target.applied():
            shared = self._team.size > 1 and not self._team.over and offered(model, tokens, self._team, reporter)
            team = self._team if shared else Team()
            try:
                chances = self._predicted(model, tokens, target, team, reporter)
            except ClsfwError:  # raised between two groups of texts, where the other processes listen
                team.tell(Word.END)
                raise
        return Prediction(chances, tokens.whole, tokens.truncated, tokens.lost)

    def _predicted(
        self, model: TorchClassifier, tokens: Tokens, target: Target, team: Team, reporter: Reporter
    ) -> NDArray[np.float32]:
        """Return probabilities [N, C]; all processes of the team call it."""
        # A model that is asked again is cast once. While its copies serve, it is also still where they were made.
        asked_again = self._linears is not None and self._linears.serves(model.module)
        with self._advice(model, target):
            if not asked_again:
                model.module.to(target.device)
            with self._prepared(model, target, reporter, team, training=False) as forward:
                if not asked_again:
                    self._linears = forward.half()
                options: dict[str, Any] = {"what": "predicting", "linears": self._linears, "team": team}
                return probabilities(forward, tokens, reporter=reporter, **options)[0]

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


def _require_alike(team: Team, target: Target, forward: Forward) -> None:
    """See that all processes compute alike, and give them the threads of the first one; raises as `require_same`."""
    # More or fewer threads add in another order. Rank 0 alone knows how many the run was begun with.
    torch.set_num_threads(team.share_number(target.threads))
    capability = torch.backends.cpu.get_cpu_capability() if target.device.type == "cpu" else "any"
    team.require_same(
        "start them on hosts and devices of one kind with the same versions, or write device and precision into the "
        "recipe, and set ATEN_CPU_CAPABILITY to what all processors have",
        precision=target.precision,
        **_ways(forward),
        cpu_capability=capability,
        torch=torch.__version__,
        clsfw=__version__,
    )


def _ways(forward: Forward) -> dict[str, object]:
    return {"packed": forward.packed, "max_batch_tokens": forward.budget}
