"""A run that was cut off goes on as if nothing had happened: whole state, weights and history, to the last bit."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any

import pytest
import torch

from clsfw.contract.parts import Labels
from clsfw.errors import InterruptedRunError, RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 61  # 8 steps an epoch at batch size 8, or 4 steps with accumulation 2; the last one is short
TOTAL = 20
LABELS = Labels(("no", "yes"))
EVALUATION = {"eval_steps": 4, "metric_for_best_model": "accuracy", "load_best_model_at_end": True}


class Crash(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def crash_at(step: int) -> Callable[..., None]:
    def progress(what: str, done: int, total: int | None, unit: str) -> None:
        if (what, done) == ("training", step):
            raise Crash

    return progress


def whole_state(run: Any, model: Any) -> dict[str, bytes]:
    """Give the files of the last checkpoint, the history and the final weights as bytes."""
    files = {path.name: path.read_bytes() for path in sorted(run.checkpoints.latest().path.iterdir())}
    weights = {f"model.{name}": value.numpy().tobytes() for name, value in model.module.state_dict().items()}
    return {**files, **weights, "history": (run.directory / "history.jsonl").read_bytes()}


@pytest.fixture
def undisturbed(kit: Any) -> Callable[..., dict[str, bytes]]:
    """Give what a run that nothing disturbs ends with."""

    def ended(splits: dict[str, Any], **options: Any) -> dict[str, bytes]:
        model = kit.classifier(dropout=0.1)
        return whole_state(kit.fit(model, splits, name="whole", **options), model)

    return ended


@pytest.mark.parametrize("evaluation", [{}, EVALUATION], ids=["no evaluation", "evaluation"])
@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("saved_at", [3, 8, 11, TOTAL], ids=["mid-epoch", "epoch edge", "second epoch", "last step"])
def test_resumed_run_ends_like_an_undisturbed_one(
    kit: Any, undisturbed: Any, saved_at: int, accumulation: int, evaluation: dict[str, Any]
) -> None:
    splits = {"train": kit.data(ROWS), "validation": kit.data(30, seed=1)}
    options = {
        "batch_size": 8, "gradient_accumulation_steps": accumulation, "max_steps": TOTAL, "learning_rate": 1e-3,
        "logging_steps": 3, "save_steps": saved_at, **evaluation,
    }  # fmt: skip
    expected = undisturbed(splits, **{**options, "save_steps": TOTAL})

    with contextlib.suppress(Crash), kit.open_run(splits, LABELS, name="cut") as run:
        run.reporter.progress = crash_at(saved_at + 2)
        kit.trainer(**options).fit(kit.classifier(dropout=0.1), splits, run)
    resumed = kit.classifier(dropout=0.1)
    again = kit.fit(resumed, splits, name="cut", **options)

    assert whole_state(again, resumed) == expected


def test_a_signal_saves_at_the_end_of_the_step_and_the_run_goes_on_from_there(kit: Any, undisturbed: Any) -> None:
    splits = {"train": kit.data(ROWS)}
    options = {"batch_size": 8, "max_steps": 6, "learning_rate": 1e-3, "logging_steps": 2}
    expected = undisturbed(splits, **options)

    assert interrupt_after(2, kit, splits, options) == (143, 3)
    resumed = kit.classifier(dropout=0.1)
    again = kit.fit(resumed, splits, name="cut", **options)

    assert whole_state(again, resumed) == expected


def interrupt_after(step: int, kit: Any, splits: dict[str, Any], options: dict[str, Any]) -> tuple[int, int]:
    """Send SIGTERM while a step is logged; gives the exit code and the step of the checkpoint."""

    def logged(at: int, values: dict[str, float]) -> None:
        if at == step:
            signal.raise_signal(signal.SIGTERM)

    code = 0
    with kit.open_run(splits, LABELS, name="cut") as run:
        run._execution.display.logged = logged
        try:
            kit.trainer(**options).fit(kit.classifier(dropout=0.1), splits, run)
        except InterruptedRunError as error:
            code = error.exit_code
        return code, run.checkpoints.latest().step


def test_evaluation_leaves_the_weights_alone(
    fit: Callable[..., Any], classifier: Callable[..., Any], data: Callable[..., Any]
) -> None:
    splits = {"train": data(ROWS), "validation": data(30, seed=1)}
    plain, watched = classifier(dropout=0.1), classifier(dropout=0.1)
    fit(plain, splits, name="plain", max_steps=6, batch_size=8)

    fit(watched, splits, name="watched", max_steps=6, batch_size=8, eval_steps=2)

    for name, value in plain.module.state_dict().items():
        assert torch.equal(value, watched.module.state_dict()[name]), name


def test_a_checkpoint_of_another_model_is_refused(
    fit: Callable[..., Any], classifier: Callable[..., Any], data: Callable[..., Any], tmp_path: Path
) -> None:
    splits = {"train": data(ROWS)}
    fit(classifier(), splits, max_steps=2)

    with pytest.raises(RunDirectoryError, match="of another model; start again with --fresh"):
        fit(classifier(layers=1), splits, max_steps=4)


def test_parameters_that_never_get_a_gradient_have_no_state_to_restore(kit: Any) -> None:
    splits = {"train": kit.data(ROWS)}
    options = {"batch_size": 8, "max_steps": 6, "learning_rate": 1e-3}

    def model() -> Any:
        made = kit.classifier(dropout=0.1)
        made.module.register_parameter("unused", torch.nn.Parameter(torch.ones(3)))
        return made

    whole = model()
    expected = whole_state(kit.fit(whole, splits, name="whole", **options), whole)
    with contextlib.suppress(Crash), kit.open_run(splits, LABELS, name="cut") as run:
        run.reporter.progress = crash_at(4)
        kit.trainer(**options, save_steps=3).fit(model(), splits, run)
    resumed = model()

    assert whole_state(kit.fit(resumed, splits, name="cut", **options), resumed) == expected


def test_a_run_that_would_be_computed_otherwise_does_not_go_on(kit: Any) -> None:
    splits = {"train": kit.data(ROWS)}
    kit.fit(kit.classifier(), splits, max_steps=2, max_batch_tokens=64)

    with pytest.raises(RunDirectoryError, match=r"max_batch_tokens: 64 before, 32 now\n +precision: 'fp32' before"):
        kit.fit(kit.classifier(), splits, max_steps=4, max_batch_tokens=32, precision="bf16")
