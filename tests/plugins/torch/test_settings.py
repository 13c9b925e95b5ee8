"""Settings are refused where they contradict each other or the rest of the recipe."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from clsfw.contract.parts import Labels, PlanFacts
from clsfw_torch.settings import TorchTrainerSettings

FACTS = PlanFacts(
    frozenset({"train", "validation", "test"}), {"f1": True, "error": False}, labels=Labels(("no", "yes"))
)
BEST = {"metric_for_best_model": "f1", "eval_steps": 20}


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"max_steps": 5, "num_train_epochs": 1.0}, "num_train_epochs"),
        ({"warmup_steps": 5, "warmup_ratio": 0.1}, "warmup_ratio"),
        ({"warmup_steps": 5, "max_steps": 5}, "warmup_steps"),
        ({"lr_scheduler_type": "constant", "warmup_steps": 5}, "lr_scheduler_type"),
        ({"load_best_model_at_end": True, "eval_steps": 20}, "load_best_model_at_end"),
        ({"load_best_model_at_end": True, "metric_for_best_model": "f1"}, "load_best_model_at_end"),
        ({"early_stopping_patience": 2, "eval_steps": 20}, "early_stopping_patience"),
        ({"greater_is_better": True}, "greater_is_better"),
        ({**BEST, "metric_for_best_model": "f2"}, "metric_for_best_model"),
        ({**BEST, "metric_for_best_model": "error"}, "greater_is_better"),
        ({**BEST, "greater_is_better": False}, "greater_is_better"),
        ({"class_weights": [1.0, 2.0, 3.0]}, "class_weights"),
        ({"class_weights": [0.0, 0.0]}, "class_weights"),
        ({"class_weights": {"muzak": 2.0}}, "class_weights.muzak"),
    ],
)
def test_contradictions_are_found_before_anything_runs(settings: dict[str, Any], key: str) -> None:
    assert [key] == [found for found, _ in TorchTrainerSettings(**settings).check_plan(FACTS)]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"class_weights": "balanced"}, "class_weights"),
        ({"label_smoothing_factor": 0.1}, "label_smoothing_factor"),
        ({"class_weights": [1.0, 2.0]}, None),
    ],
)
def test_what_several_labels_per_text_exclude(settings: dict[str, Any], key: str | None) -> None:
    facts = PlanFacts(FACTS.splits, FACTS.scores, labels=Labels(("no", "yes"), multi_label=True))

    assert [found for found, _ in TorchTrainerSettings(**settings).check_plan(facts)] == ([] if key is None else [key])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        BEST,
        {"class_weights": "balanced", "label_smoothing_factor": 0.1},
        {"class_weights": [1.0, 0.0]},
        {**BEST, "load_best_model_at_end": True, "early_stopping_patience": 2},
        {**BEST, "metric_for_best_model": "loss", "load_best_model_at_end": True},
        {**BEST, "metric_for_best_model": "error", "greater_is_better": False},
        {"max_steps": 10, "warmup_ratio": 0.1, "lr_scheduler_type": "constant_with_warmup"},
    ],
)
def test_what_fits_together_is_accepted(settings: dict[str, Any]) -> None:
    assert [] == list(TorchTrainerSettings(**settings).check_plan(FACTS))


def test_evaluation_needs_a_validation_split() -> None:
    facts = PlanFacts(frozenset({"train", "test"}), {})

    ((key, message),) = TorchTrainerSettings(eval_steps=5).check_plan(facts)

    assert (key, "no validation split" in message) == ("eval_steps", True)


def test_a_score_may_be_unknown_where_a_metric_does_not_name_its_own() -> None:
    facts = PlanFacts(FACTS.splits, FACTS.scores, complete=False)

    assert [] == list(TorchTrainerSettings(metric_for_best_model="mcc").check_plan(facts))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 0), ("batch_size", "8"), ("max_steps", 0), ("num_train_epochs", 0.0), ("num_train_epochs", -3.0),
        ("learning_rate", 0.0), ("learning_rate", 10.0), ("learning_rate", float("nan")), ("weight_decay", -1.0),
        ("warmup_ratio", 1.5), ("logging_steps", 0), ("save_steps", -1), ("eval_steps", "steps"), ("device", "tpu"),
        ("precision", "fp16"), ("class_weights", [-1.0]), ("lerning_rate", 1e-5), ("lr_scheduler_type", "step"),
        ("gradient_accumulation_steps", 0), ("warmup_ratio", 1.0), ("warmup_steps", -1), ("weight_decay", 1.0),
        ("adam_beta1", 1.0), ("adam_beta1", -0.1), ("adam_beta2", 1.0), ("adam_beta2", -0.1), ("adam_epsilon", 0.0),
        ("max_grad_norm", -0.1), ("label_smoothing_factor", 1.0), ("label_smoothing_factor", -0.1), ("eval_steps", 0),
        ("save_total_limit", 0), ("metric_for_best_model", ""), ("early_stopping_patience", 0), ("save_steps", 0),
        ("early_stopping_threshold", -0.1), ("num_train_epochs", 200_000.0),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        TorchTrainerSettings(**{key: value})


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({}, False),
        ({"eval_steps": 20, "max_steps": 40}, False),
        ({"eval_steps": 25, "max_steps": 90}, False),
        ({"eval_steps": "epoch", "max_steps": 40}, False),
        ({"eval_steps": 20, "max_steps": 90}, True),
        ({"eval_steps": 25, "max_steps": 60}, True),
        ({"eval_steps": 25, "num_train_epochs": 1.0}, True),
        ({"eval_steps": "epoch"}, True),
    ],
)
def test_scores_are_expected_only_where_there_is_a_validation(settings: dict[str, Any], *, known: bool) -> None:
    facts = PlanFacts(frozenset({"train", "validation"}), {"f1": True}, expected_steps=(60,))
    found = [key for key, _ in TorchTrainerSettings(**settings).check_plan(facts)]

    assert found == ([] if known else ["eval_steps"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 1), ("gradient_accumulation_steps", 1), ("max_steps", 1), ("num_train_epochs", 0.01),
        ("learning_rate", 1e-9), ("learning_rate", 1.0), ("warmup_steps", 0), ("warmup_ratio", 0.0),
        ("warmup_ratio", 0.99), ("weight_decay", 0.0), ("weight_decay", 0.99), ("adam_beta1", 0.0),
        ("adam_beta1", 0.99), ("adam_beta2", 0.0), ("adam_beta2", 0.99), ("adam_epsilon", 1e-12),
        ("max_grad_norm", 0.0), ("label_smoothing_factor", 0.0), ("label_smoothing_factor", 0.99),
        ("class_weights", [0.0, 0.5]), ("eval_steps", 1), ("save_steps", 1), ("logging_steps", 1),
        ("save_total_limit", 1), ("metric_for_best_model", "f"), ("early_stopping_patience", 1),
        ("early_stopping_threshold", 0.0),
    ],
)  # fmt: skip
def test_values_at_the_edge_are_accepted(key: str, value: Any) -> None:
    assert getattr(TorchTrainerSettings(**{key: value}), key) == value
