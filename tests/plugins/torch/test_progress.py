"""Which validation is the best, when training gives up, and what a checkpoint keeps of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clsfw.errors import RunDirectoryError, TrainingError
from clsfw_torch.progress import Progress, read_progress
from clsfw_torch.settings import TorchTrainerSettings

if TYPE_CHECKING:
    from pathlib import Path


def judged(values: list[float], **settings: Any) -> Progress:
    """Judge a score or loss after each step."""
    name = settings.setdefault("metric_for_best_model", "f1")
    progress = Progress()
    for value in values:
        progress.step += 1
        progress.judge(TorchTrainerSettings(**settings), {"other": 9.0, name: value})
    return progress


@pytest.mark.parametrize(
    ("values", "settings", "best"),
    [
        ([0.1, 0.3, 0.2], {}, (0.3, 2)),
        ([0.3, 0.1, 0.2], {"metric_for_best_model": "loss"}, (0.1, 2)),
        ([0.3, 0.1, 0.2], {"greater_is_better": False}, (0.1, 2)),
        ([0.1, 0.3], {"metric_for_best_model": "loss", "greater_is_better": True}, (0.3, 2)),
        ([0.3, 0.3, 0.2], {}, (0.3, 1)),  # the first of equals
        ([0.1, 0.11, 0.12], {"early_stopping_threshold": 0.05}, (0.12, 3)),
        ([-0.2, 0.0, -0.1], {}, (0.0, 2)),
    ],
)
def test_the_best_validation(values: list[float], settings: dict[str, Any], best: tuple[float, int]) -> None:
    progress = judged(values, **settings)

    assert (progress.best_value, progress.best_step) == best


@pytest.mark.parametrize(
    ("values", "settings", "stale"),
    [
        ([0.1, 0.2, 0.2, 0.1], {}, 2),
        ([0.1, 0.05, 0.2], {}, 0),
        ([0.1, 0.11, 0.12], {"early_stopping_threshold": 0.05}, 2),
        ([0.5, 0.75, 0.875], {"early_stopping_threshold": 0.125}, 1),  # no more than the threshold is not enough
        ([0.3, 0.2, 0.25], {"metric_for_best_model": "loss"}, 1),
        ([0.5, 0.75], {"early_stopping_threshold": 0.375}, 1),
        ([0.5, 0.75], {"early_stopping_threshold": 0.375, "greater_is_better": True}, 1),
        ([0.75, 0.5], {"early_stopping_threshold": 0.375, "greater_is_better": False}, 1),
        ([0.75, 0.5], {"early_stopping_threshold": 0.375, "metric_for_best_model": "loss"}, 1),
    ],
)
def test_validations_without_a_better_score(values: list[float], settings: dict[str, Any], stale: int) -> None:
    assert judged(values, **settings).stale == stale


def test_only_the_best_validation_is_told_to_be_it() -> None:
    progress, settings = Progress(), TorchTrainerSettings(metric_for_best_model="f1")

    assert [progress.judge(settings, {"f1": value}) for value in (0.1, 0.3, 0.3, 0.4)] == [True, True, False, True]


def test_without_a_score_to_watch_nothing_is_judged() -> None:
    progress = Progress(step=3)

    assert progress.judge(TorchTrainerSettings(), {"f1": 1.0}) is False
    assert progress == Progress(step=3)


def test_a_score_that_no_metric_gives() -> None:
    with pytest.raises(TrainingError, match="'f1': the metrics give 'loss', 'accuracy'"):
        Progress().judge(TorchTrainerSettings(metric_for_best_model="f1"), {"loss": 1.0, "accuracy": 0.5})


@pytest.mark.parametrize(("patience", "stale", "end"), [(None, 99, False), (2, 1, False), (2, 2, True), (2, 3, True)])
def test_patience(patience: int | None, stale: int, *, end: bool) -> None:
    assert Progress(stale=stale).gave_up(TorchTrainerSettings(early_stopping_patience=patience)) is end


def test_a_checkpoint_keeps_all_of_it(tmp_path: Path) -> None:
    progress = Progress(step=3, loss_sum=0.1, loss_steps=2, best_value=0.25, best_step=1, stale=1)
    file = tmp_path / "trainer.json"
    file.write_text(progress.text())

    assert read_progress(file, "gpu-trainer") == progress


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "not a checkpoint of gpu-trainer; start again with --fresh"),
        ({}, "written by another version of gpu-trainer"),
        ({"format": 2}, "written by another version of gpu-trainer"),
    ],
)
def test_what_another_trainer_or_version_left_is_refused(tmp_path: Path, content: object, words: str) -> None:
    file = tmp_path / "trainer.json"
    if content is not None:
        file.write_text(json.dumps(content))

    with pytest.raises(RunDirectoryError, match=words):
        read_progress(file, "gpu-trainer")
