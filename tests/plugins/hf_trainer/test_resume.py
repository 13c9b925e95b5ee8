"""A run that was cut off goes on as if nothing had happened: weights, optimizer and history, to the last bit."""

from __future__ import annotations

import contextlib
import json
import signal
from typing import Any

import pytest
import torch

from clsfw.errors import InterruptedRunError, RunDirectoryError
from clsfw.report.display import Quiet

TOTAL = 14  # with 61 rows: 8 steps an epoch at batch size 8, or 4 with accumulation 2; the last batch is short
EVALUATION = {"eval_steps": 4, "metric_for_best_model": "accuracy", "load_best_model_at_end": True}


class Crash(BaseException):
    """Stands for a kill: nothing of ours catches it."""


class Crashing(Quiet):
    """A display in front of which a run dies."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        if (what, done) == ("training", self._step):
            raise Crash


def end_state(run: Any, model: Any) -> dict[str, Any]:
    """Give history, weights, and the state of the optimizer in the last checkpoint."""
    latest = run.checkpoints.latest()
    folder = latest.path / f"checkpoint-{latest.step}"
    optimizer = torch.load(folder / "optimizer.pt", weights_only=True)["state"]
    return {
        "history": (run.directory / "history.jsonl").read_text(),
        "weights": {name: value.numpy().tobytes() for name, value in model.module.state_dict().items()},
        "moments": {f"{i}.{key}": v.numpy().tobytes() for i, s in optimizer.items() for key, v in s.items()},
        "rest": (folder / "clsfw.json").read_text(),
        "schedule": torch.load(folder / "scheduler.pt", weights_only=True),
    }


def options_of(accumulation: int, *, evaluation: bool) -> dict[str, Any]:
    return {
        "gradient_accumulation_steps": accumulation,
        "max_steps": TOTAL,
        "logging_steps": 3,
        **(EVALUATION if evaluation else {}),
    }


@pytest.fixture(scope="module")
def undisturbed(module_kit: Any) -> dict[tuple[int, bool], dict[str, Any]]:
    """Give what runs that nothing disturbs end with, by accumulation and evaluation."""
    ends = {}
    for accumulation in (1, 2):
        for evaluation in (False, True):
            model, options = module_kit.classifier(), options_of(accumulation, evaluation=evaluation)
            run = module_kit.fit(model, module_kit.splits(), name=f"whole-{accumulation}-{evaluation}", **options)
            ends[accumulation, evaluation] = end_state(run, model)
    return ends


@pytest.mark.parametrize(
    "evaluation", [False, pytest.param(True, marks=pytest.mark.thorough)], ids=["no evaluation", "evaluation"]
)
@pytest.mark.parametrize("accumulation", [1, pytest.param(2, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("saved_at", [3, 8, 11, TOTAL], ids=["mid-epoch", "epoch edge", "second epoch", "last step"])
def test_resumed_run_ends_like_an_undisturbed_one(
    kit: Any, undisturbed: Any, *, saved_at: int, accumulation: int, evaluation: bool
) -> None:
    data, options = kit.splits(), options_of(accumulation, evaluation=evaluation)

    with contextlib.suppress(Crash), kit.open_run(data, display=Crashing(saved_at + 2)) as run:
        kit.trainer(**options, save_steps=saved_at).fit(kit.classifier(), data, run)
    resumed = kit.classifier()
    again = kit.fit(resumed, data, **options)

    assert end_state(again, resumed) == undisturbed[accumulation, evaluation]


def test_a_finished_fit_takes_no_further_step(kit: Any) -> None:
    data = kit.splits()
    model, again = kit.classifier(), kit.classifier()
    run = kit.fit(model, data, max_steps=5)
    before = end_state(run, model)

    assert end_state(kit.fit(again, data, max_steps=5), again) == before
    assert run.checkpoints.latest().step == 5


def test_a_signal_saves_at_the_end_of_the_step_and_the_run_goes_on_from_there(kit: Any) -> None:
    data, options, model = kit.splits(), {"max_steps": 6, "logging_steps": 2}, kit.classifier()
    expected = end_state(kit.fit(model, data, name="whole", **options), model)

    class Stopping(Quiet):
        def logged(self, step: int, values: Any) -> None:
            if step == 2:
                signal.raise_signal(signal.SIGTERM)

    with kit.open_run(data, name="cut", display=Stopping()) as run:
        with pytest.raises(InterruptedRunError) as error:
            kit.trainer(**options).fit(kit.classifier(), data, run)
        assert (error.value.exit_code, run.checkpoints.latest().step) == (143, 3)
    resumed = kit.classifier()
    again = kit.fit(resumed, data, name="cut", **options)

    assert end_state(again, resumed) == expected


def test_low_rank_adapters_resume_too(kit: Any) -> None:
    data, options = kit.splits(), {"max_steps": 6, "save_steps": 3}
    whole, resumed = kit.classifier(lora={"r": 2}), kit.classifier(lora={"r": 2})
    kit.fit(whole, data, name="whole", **options)

    with contextlib.suppress(Crash), kit.open_run(data, name="cut", display=Crashing(5)) as run:
        kit.trainer(**options).fit(kit.classifier(lora={"r": 2}), data, run)
    kit.fit(resumed, data, name="cut", **options)

    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name]), name


def test_early_stopping_holds_after_a_resume(kit: Any) -> None:
    data = kit.splits()
    options = {
        "max_steps": 40, "eval_steps": 2, "metric_for_best_model": "loss", "early_stopping_patience": 1,
        "learning_rate": 0.5,
    }  # fmt: skip
    run = kit.fit(kit.classifier(), data, **options)
    stopped_at = run.checkpoints.latest().step

    again = kit.fit(kit.classifier(), data, **options)

    assert stopped_at < 40
    assert again.checkpoints.latest().step == stopped_at


def test_a_checkpoint_holds_no_pickled_arguments(kit: Any) -> None:
    run = kit.fit(kit.classifier(), kit.splits(), max_steps=2)

    names = {path.name for path in run.checkpoints.latest().path.rglob("*") if path.is_file()}
    assert "training_args.bin" not in names
    assert {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"} <= names


def test_a_checkpoint_of_another_trainer_is_refused(kit: Any) -> None:
    data = kit.splits()
    with kit.open_run(data) as run:
        run.checkpoints.commit(1, lambda folder: (folder / "trainer.json").write_text(json.dumps({})))

    with pytest.raises(RunDirectoryError, match="not a checkpoint of hf-trainer; start again with --fresh"):
        kit.fit(kit.classifier(), data, max_steps=2)


@pytest.mark.filterwarnings("ignore:this CPU has no bf16 arithmetic")
def test_a_run_that_would_be_computed_otherwise_does_not_go_on(kit: Any) -> None:
    kit.fit(kit.classifier(), kit.splits(), max_steps=2)

    with pytest.raises(RunDirectoryError, match=r"precision: 'fp32' before, 'bf16' now"):
        kit.fit(kit.classifier(), kit.splits(), max_steps=4, precision="bf16")
