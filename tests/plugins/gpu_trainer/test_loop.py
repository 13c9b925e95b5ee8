"""The loop from outside: what it logs, when it evaluates and saves, how it ends, and what goes wrong in plain words."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from clsfw.contract.parts import Labels, PlansTraining
from clsfw.errors import HostError, TrainingError
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.late import LateTrainer

if TYPE_CHECKING:
    from collections.abc import Callable

    Fit = Callable[..., Any]
    Make = Callable[..., Any]


def test_logs_and_evaluates_and_saves_when_due_and_after_the_last_step(fit: Fit, classifier: Make, data: Make) -> None:
    splits = {"train": data(40), "validation": data(10, seed=1)}

    run = fit(classifier(), splits, max_steps=7, batch_size=8, logging_steps=3, eval_steps=2, save_steps=5)

    lines = [json.loads(line) for line in (run.directory / "history.jsonl").read_text().splitlines()]
    assert [(line["step"], "split" in line) for line in lines] == [
        (2, True), (3, False), (4, True), (6, False), (6, True), (7, False), (7, True),
    ]  # fmt: skip
    assert sorted(path.name for path in (run.directory / "checkpoints").iterdir()) == ["step-5", "step-7"]


def test_history_has_loss_learning_rate_and_epoch(fit: Fit, classifier: Make, data: Make) -> None:
    run = fit(classifier(), {"train": data(40)}, max_steps=10, batch_size=8, logging_steps=10, learning_rate=1e-3)

    (step, values) = run._execution.display.logs[0]
    assert (step, sorted(values)) == (10, ["epoch", "learning_rate", "loss"])
    assert values["epoch"] == 2.0
    assert values["learning_rate"] == pytest.approx(1e-4)


def test_epochs_decide_the_number_of_steps(fit: Fit, classifier: Make, data: Make) -> None:
    run = fit(classifier(), {"train": data(20)}, num_train_epochs=1.5, batch_size=8, eval_steps=None)

    assert run._execution.facts["steps"] == 5


def test_each_epoch_can_be_evaluated(fit: Fit, classifier: Make, data: Make) -> None:
    splits = {"train": data(20), "validation": data(10, seed=1)}

    run = fit(classifier(), splits, num_train_epochs=2, batch_size=8, eval_steps="epoch")

    assert [step for step, _, _ in run._execution.display.evaluations] == [3, 6]


def test_best_model_is_kept_without_a_save_at_that_step(fit: Fit, classifier: Make, data: Make) -> None:
    splits = {"train": data(40), "validation": data(30, seed=1)}
    options = {"batch_size": 8, "max_steps": 12, "learning_rate": 0.05, "lr_scheduler_type": "constant"}
    model = classifier()

    run = fit(
        model, splits, name="best", eval_steps=1, save_steps=12,
        metric_for_best_model="loss", load_best_model_at_end=True, **options,
    )  # fmt: skip

    best = min(run._execution.display.evaluations, key=lambda row: row[1])[0]
    assert run._execution.facts["best_step"] == best < 12
    until = classifier()
    fit(until, splits, name="until", **{**options, "max_steps": best})
    for name, value in until.module.state_dict().items():
        assert torch.equal(value, model.module.state_dict()[name]), name


def test_training_stops_early_when_the_score_gets_no_better(fit: Fit, classifier: Make, data: Make) -> None:
    splits = {"train": data(40), "validation": data(10, seed=1)}

    run = fit(
        classifier(), splits, max_steps=50, batch_size=8, eval_steps=1, learning_rate=1e-9,
        metric_for_best_model="accuracy", early_stopping_patience=3,
    )  # fmt: skip

    assert [step for step, _, _ in run._execution.display.evaluations] == [1, 2, 3, 4]
    assert run.checkpoints.latest().step == 4


def test_frozen_parameters_stay_as_they_are(fit: Fit, classifier: Make, data: Make) -> None:
    model = classifier()
    model.module.distilbert.requires_grad_(False)
    before = {name: value.clone() for name, value in model.module.state_dict().items()}

    fit(model, {"train": data(20)}, max_steps=3, learning_rate=1e-2)

    changed = {n for n, value in model.module.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {"pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"}


def test_same_run_twice_gives_the_same_bits(fit: Fit, classifier: Make, data: Make) -> None:
    first, second = classifier(dropout=0.2), classifier(dropout=0.2)
    fit(first, {"train": data(40)}, name="first", max_steps=5)

    fit(second, {"train": data(40)}, name="second", max_steps=5)

    for name, value in first.module.state_dict().items():
        assert torch.equal(value, second.module.state_dict()[name]), name


def test_the_size_of_parts_does_not_change_the_result(fit: Fit, classifier: Make, data: Make) -> None:
    whole, parts = classifier(), classifier()
    fit(whole, {"train": data(40)}, name="whole", max_steps=5, learning_rate=1e-3, max_batch_tokens=10_000)

    fit(parts, {"train": data(40)}, name="parts", max_steps=5, learning_rate=1e-3, max_batch_tokens=1)

    for name, value in whole.module.state_dict().items():
        torch.testing.assert_close(value, parts.module.state_dict()[name], rtol=1e-4, atol=2e-6)


def test_a_loss_that_is_not_finite_stops_before_the_update(fit: Fit, classifier: Make, data: Make) -> None:
    model = classifier()
    model.module.classifier.register_forward_hook(poison_from(call=5))

    with pytest.raises(
        TrainingError, match=r"step 3: .* not finite at learning rate 3e-05.* a lower learning_rate"
    ) as e:
        fit(model, {"train": data(40)}, batch_size=8, max_steps=5, save_steps=1, max_batch_tokens=10_000)

    assert e.value.exit_code == 8
    assert all(value.isfinite().all() for value in model.module.state_dict().values())


def poison_from(call: int) -> Callable[..., Any]:
    calls = iter(range(1, 100))  # the first two are those of the check at the start

    def poison(module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        return output * (math.nan if next(calls) >= call else 1.0)

    return poison


def test_running_out_of_memory_gives_advice(fit: Fit, classifier: Make, data: Make) -> None:
    model = classifier()

    def exhausted(module: Any, args: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model.module.register_forward_pre_hook(exhausted)

    with pytest.raises(HostError, match=r"out of memory on cpu .* set max_batch_tokens lower .* max_length = 24"):
        fit(model, {"train": data(40)}, max_steps=5)


def test_other_errors_of_torch_are_not_called_memory(fit: Fit, classifier: Make, data: Make) -> None:
    model = classifier()

    def broken(module: Any, args: Any) -> None:
        raise RuntimeError("shape mismatch")

    model.module.register_forward_pre_hook(broken)

    with pytest.raises(RuntimeError, match="shape mismatch"):
        fit(model, {"train": data(40)}, max_steps=5)


def test_nothing_to_train_on_is_refused(fit: Fit, classifier: Make, data: Make) -> None:
    with pytest.raises(TrainingError, match="no training texts"):
        fit(classifier(), {"train": data(5).select([])}, max_steps=5)


def test_a_score_that_no_metric_gives_is_refused(fit: Fit, classifier: Make, data: Make) -> None:
    splits = {"train": data(20), "validation": data(5)}

    with pytest.raises(TrainingError, match="metric_for_best_model 'f2': the metrics give 'loss', 'accuracy'"):
        fit(classifier(), splits, max_steps=2, eval_steps=1, metric_for_best_model="f2")


def test_timings_tell_training_from_evaluation(fit: Fit, classifier: Make, data: Make) -> None:
    splits = {"train": data(20), "validation": data(5)}

    run = fit(classifier(), splits, max_steps=2, eval_steps=1)

    named = {"tokenize_seconds", "train_seconds", "evaluation_seconds", "checkpoint_seconds", "total_seconds"}
    assert named == set(run._execution.clock.read())


def test_device_and_precision_are_recorded_and_told(fit: Fit, classifier: Make, data: Make) -> None:
    run = fit(classifier(), {"train": data(20)}, max_steps=1, precision="bf16")

    assert (run._execution.facts["device"], run._execution.facts["precision"]) == ("cpu", "bf16")
    assert any("in bf16" in note for note in run._execution.display.notes)


def test_bf16_keeps_weights_in_float32_and_learns_the_same(fit: Fit, classifier: Make, data: Make) -> None:
    exact, rough = classifier(), classifier()
    options = {"max_steps": 10, "learning_rate": 1e-3, "logging_steps": 1}
    expected = fit(exact, {"train": data(40)}, name="exact", **options)._execution.display.logs

    given = fit(rough, {"train": data(40)}, name="rough", precision="bf16", **options)._execution.display.logs

    assert {p.dtype for p in rough.module.parameters()} == {torch.float32}
    assert [v["loss"] for _, v in given] == pytest.approx([v["loss"] for _, v in expected], abs=0.02)


def test_predictions_come_in_the_order_of_the_texts(trainer: Make, classifier: Make, data: Make) -> None:
    model, texts = classifier(), data(50)["text"]
    model.module.eval()
    expected = [one_by_one(model, text) for text in texts]

    predicted = trainer(max_batch_tokens=64).predict(model, texts, quiet())

    np.testing.assert_allclose(predicted.probabilities, np.array(expected), rtol=1e-5)
    assert predicted.tokens.tolist() == [len(text.split()) + 2 for text in texts]
    assert predicted.truncated.tolist() == [len(text.split()) + 2 > 24 for text in texts]


def test_predictions_for_several_labels_stand_alone(trainer: Make, classifier: Make, data: Make) -> None:
    labels = Labels(("a", "b", "c"), multi_label=True)
    model, texts = classifier(labels=labels), data(20)["text"]
    model.module.eval()
    ids = torch.tensor([model.tokenize(texts[:1]).ids[0]])

    predicted = trainer().predict(model, texts, quiet())

    expected = model.module(input_ids=ids).logits.sigmoid()[0].detach().numpy()
    np.testing.assert_allclose(predicted.probabilities[0], expected, rtol=1e-5)


def test_no_texts_give_no_predictions(trainer: Make, classifier: Make) -> None:
    assert trainer().predict(classifier(), [], quiet()).probabilities.shape == (0, 2)


def test_plans_steps_and_disk() -> None:
    trainer = LateTrainer(GpuTrainerSettings(batch_size=8, num_train_epochs=2))

    assert isinstance(trainer, PlansTraining)
    assert trainer.plan_training(20, 1000) == {"steps": 6, "epochs": 2.0, "memory_bytes": 16_000, "disk_bytes": 40_000}


def one_by_one(model: Any, text: str) -> list[float]:
    with torch.inference_mode():
        logits = model.module(input_ids=torch.tensor(model.tokenize([text]).ids)).logits
    return logits.softmax(dim=1)[0].tolist()


def quiet() -> Any:
    from clsfw.report.display import Quiet

    class Silent(Quiet):
        def warn(self, text: str) -> None:
            pass

    return Silent()


def test_layers_that_are_computed_again_give_the_same_weights(kit: Any) -> None:
    whole, again = kit.classifier(dropout=0.2), kit.classifier(dropout=0.2)
    kit.fit(whole, {"train": kit.data(24)}, name="whole", max_steps=3, batch_size=8)
    kit.fit(again, {"train": kit.data(24)}, name="again", max_steps=3, batch_size=8, gradient_checkpointing=True)

    pairs = zip(whole.module.parameters(), again.module.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
