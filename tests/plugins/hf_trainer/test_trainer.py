"""What `Trainer` does wrong by itself, and hf-trainer must do right."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import transformers.trainer
from datasets import Dataset

from clsfw.contract.parts import Labels, PlansTraining
from clsfw.errors import HostError, TrainingError
from clsfw.report.display import Quiet
from clsfw_hf_encoders import BertSizes, HfEncoder
from clsfw_hf_encoders.model import HfModel
from clsfw_hf_trainer import HfTrainerSettings
from clsfw_hf_trainer.late import LateTrainer

THREE = Labels(("a", "b", "c"))
SEVERAL = Labels(("a", "b", "c"), multi_label=True)


class Watching(Quiet):
    """A display that keeps the rows it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[int, dict[str, float]] = {}
        self.evaluations: list[int] = []

    def logged(self, step: int, values: Any) -> None:
        self.logs[step] = dict(values)

    def evaluated(self, step: int, training_loss: Any, loss: Any, scores: Any) -> None:
        self.evaluations.append(step)


def watched(kit: Any, model: Any, data: Any, *, name: str = "run", **settings: Any) -> Watching:
    display = Watching()
    with kit.open_run(data, labels=model.labels, display=display, name=name) as run:
        kit.trainer(**settings).fit(model, data, run)
    return display


def assert_same_weights(one: Any, other: Any, **tolerance: float) -> None:
    for name, value in one.module.state_dict().items():
        torch.testing.assert_close(other.module.state_dict()[name], value, **(tolerance or {"rtol": 0, "atol": 0}))


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.25]], ids=["plain", "class weights"])
def test_accumulated_batches_train_like_one_large_batch(kit: Any, weights: list[float] | None) -> None:
    data = kit.splits(labels=THREE)
    large, parts = kit.classifier(labels=THREE, dropout=0.0), kit.classifier(labels=THREE, dropout=0.0)
    kit.fit(large, data, name="large", batch_size=12, max_steps=8, class_weights=weights)

    kit.fit(parts, data, name="parts", batch_size=4, gradient_accumulation_steps=3, max_steps=8, class_weights=weights)

    assert_same_weights(large, parts, rtol=1e-4, atol=2e-6)


def test_evaluation_leaves_the_weights_alone(kit: Any) -> None:
    plain, evaluated = kit.classifier(), kit.classifier()
    kit.fit(plain, kit.splits(), name="plain", max_steps=6)

    kit.fit(evaluated, kit.splits(), name="evaluated", max_steps=6, eval_steps=2)

    assert_same_weights(plain, evaluated)


def test_global_random_numbers_are_left_alone(kit: Any) -> None:
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002  # the global generator is what this is about
    torch.manual_seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    kit.fit(kit.classifier(), kit.splits(), max_steps=2, eval_steps=1)

    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert after == before


def test_batches_come_in_the_published_order(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data, model, seen = kit.splits(20), kit.classifier(), []
    forward = type(model.module).forward

    def noting(self: Any, input_ids: Any = None, **inputs: Any) -> Any:
        seen.extend(row[mask.bool()].tolist() for row, mask in zip(input_ids, inputs["attention_mask"], strict=True))
        return forward(self, input_ids=input_ids, **inputs)

    monkeypatch.setattr(type(model.module), "forward", noting)
    kit.fit(model, data, max_steps=6)

    orders = [torch.randperm(20, generator=torch.Generator().manual_seed(42 + epoch)).tolist() for epoch in (0, 1)]
    ids = model.tokenize(data["train"]["text"]).ids
    assert seen == [list(ids[row]) for order in orders for row in order]


def test_last_step_is_logged_evaluated_and_saved(kit: Any) -> None:
    display = watched(kit, kit.classifier(), kit.splits(), max_steps=7, eval_steps=3, logging_steps=2)

    assert display.evaluations == [3, 6, 7]
    assert list(display.logs) == [2, 4, 6, 7]
    with kit.open_run(kit.splits()) as run:
        assert run.checkpoints.latest().step == 7


def test_logged_values(kit: Any) -> None:
    display = watched(kit, kit.classifier(), kit.splits(), max_steps=4, logging_steps=2)

    assert {key: value for key, value in display.logs[2].items() if key != "loss"} == {
        "learning_rate": 1e-3 * 3 / 4,  # the rate with which the step was made
        "epoch": 2 / 8,
    }


def test_the_logged_loss_is_the_mean_of_the_steps_since_the_last_one(kit: Any) -> None:
    each, every_second = (
        watched(kit, kit.classifier(), kit.splits(), max_steps=4, logging_steps=every, name=f"every-{every}").logs
        for every in (1, 2)
    )

    losses = [each[step]["loss"] for step in (1, 2, 3, 4)]
    assert losses[0] == pytest.approx(np.log(2), abs=0.1)  # two labels, and nothing learned yet
    assert every_second[2]["loss"] == pytest.approx(np.mean(losses[:2]))
    assert every_second[4]["loss"] == pytest.approx(np.mean(losses[2:]))


def test_epochs_are_counted_as_trainer_counts_them(kit: Any) -> None:
    display = watched(
        kit, kit.classifier(), kit.splits(), num_train_epochs=1.5, logging_steps=100, eval_steps="epoch",
        gradient_accumulation_steps=3,
    )  # fmt: skip

    assert display.evaluations == [3, 5]


@pytest.mark.parametrize("name", ["loss", "gradient"])
def test_a_number_that_is_not_finite_stops_before_the_update(kit: Any, name: str) -> None:
    data, model = kit.splits(), kit.classifier()
    steps = 0

    def spoil(module: Any, inputs: Any, outputs: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 3 and name == "loss":
            outputs.logits = outputs.logits * float("nan")
        if steps == 3 and name == "gradient":
            outputs.logits.register_hook(lambda gradient: gradient * float("inf"))
        return outputs

    model.module.register_forward_hook(spoil)
    with pytest.raises(TrainingError, match=r"step 3: .* not finite at learning rate 0.0008, .* lower learning_rate"):
        kit.fit(model, data, max_steps=10, save_steps=2)

    assert all(torch.isfinite(value).all() for value in model.module.state_dict().values())
    with kit.open_run(data) as run:
        assert run.checkpoints.latest().step == 2


def test_best_weights_are_kept_whatever_the_saves(kit: Any) -> None:
    data, model = kit.splits(), kit.classifier()
    run = kit.fit(
        model, data, max_steps=9, learning_rate=0.05, eval_steps=2, save_steps=5, metric_for_best_model="loss",
        load_best_model_at_end=True,
    )  # fmt: skip
    losses = {line["step"]: line["loss"] for line in _history(run) if "split" in line}
    best = run._execution.facts["best_step"]
    assert losses[best] == min(losses.values())

    probabilities = kit.trainer().predict(model, data["validation"]["text"], Quiet()).probabilities
    truth = np.asarray(data["validation"]["label"])
    assert -np.log(probabilities[np.arange(30), truth]).mean() == pytest.approx(losses[best], rel=1e-5)


def _history(run: Any) -> list[dict[str, Any]]:
    return run._execution.store.history.read()


def test_unknown_metric_for_the_best_model(kit: Any) -> None:
    with pytest.raises(TrainingError, match="'f1': the metrics give 'loss', 'accuracy'"):
        kit.fit(kit.classifier(), kit.splits(), max_steps=2, eval_steps=1, metric_for_best_model="f1")


def test_training_and_prediction_with_several_labels_per_text(kit: Any) -> None:
    data, model = kit.splits(labels=SEVERAL), kit.classifier(labels=SEVERAL)

    display = watched(kit, model, data, max_steps=2, eval_steps=2, logging_steps=1)
    given = kit.trainer().predict(model, ["fine plot", ""], Quiet()).probabilities

    assert display.logs[1]["loss"] == pytest.approx(np.log(2), abs=0.1)
    ids = torch.tensor(model.tokenize(["fine plot"]).ids)
    np.testing.assert_allclose(given[:1], model.module(input_ids=ids).logits.sigmoid().detach().numpy(), rtol=1e-5)


def test_predictions_keep_the_order_of_the_texts(kit: Any) -> None:
    model, texts = kit.classifier(), ["fine " * 30, "dull", "", "plot \ud800 film"]

    together = kit.trainer(eval_batch_size=3).predict(model, texts, Quiet())

    alone = [kit.trainer().predict(model, [text], Quiet()).probabilities[0] for text in texts]
    np.testing.assert_allclose(together.probabilities, alone, rtol=1e-5)
    assert together.tokens.tolist() == [32, 3, 2, 4]  # half a surrogate pair is no character
    assert together.truncated.tolist() == [True, False, False, False]


def test_the_user_sees_how_far_it_is(kit: Any) -> None:
    class Seeing(Quiet):
        def __init__(self) -> None:
            super().__init__()
            self.last: dict[str, tuple[int, int | None, str]] = {}

        def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
            self.last[what] = (done, total, unit)

    model, display = kit.classifier(), Seeing()
    with kit.open_run(kit.splits(), display=display) as run:
        kit.trainer(max_steps=3, eval_steps=3).fit(model, kit.splits(), run)
    assert display.last == {
        "tokenizing": (30, 30, "texts"), "training": (3, 3, "steps"), "validating": (30, 30, "texts"),
    }  # fmt: skip

    kit.trainer().predict(model, ["fine", "dull plot"], display)
    assert display.last["predicting"] == (2, 2, "texts")


def test_nothing_to_predict(kit: Any) -> None:
    given = kit.trainer().predict(kit.classifier(), [], Quiet())

    assert given.probabilities.shape == (0, 2)


def test_no_training_texts(kit: Any) -> None:
    data = {"train": kit.data(4).select([])}
    with pytest.raises(TrainingError, match="no training texts"):
        kit.fit(kit.classifier(), data, max_steps=2)


def test_full_determinism_is_asked_of_trainer(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(transformers.trainer, "enable_full_determinism", asked.append)

    kit.fit(kit.classifier(), kit.splits(), max_steps=1, full_determinism=True)

    assert asked == [42]


@pytest.mark.filterwarnings("ignore:this CPU has no bf16 arithmetic")
def test_bf16_is_what_trains(kit: Any) -> None:
    exact, half = kit.classifier(dropout=0.0), kit.classifier(dropout=0.0)
    kit.fit(exact, kit.splits(), name="exact", max_steps=2)

    kit.fit(half, kit.splits(), name="half", max_steps=2, precision="bf16")

    off = [(a - b).abs().max() for a, b in zip(exact.module.parameters(), half.module.parameters(), strict=True)]
    assert 0 < max(off) < 0.01  # two steps of Adam at 0.001 move a weight by 0.002


@pytest.mark.filterwarnings("ignore:this CPU has no bf16 arithmetic")
def test_bf16_leaves_model_and_switches_as_they_were(kit: Any) -> None:
    model = kit.classifier()
    before = model.module.config.to_json_string()

    run = kit.fit(model, kit.splits(), max_steps=2, precision="bf16", eval_steps=1)

    assert run._execution.facts["precision"] == "bf16"
    assert {"forward", "_original_forward"}.isdisjoint(vars(model.module))
    assert model.module.config.to_json_string() == before
    assert {value.dtype for value in model.module.parameters()} == {torch.float32}


def test_nothing_is_printed(kit: Any, capfd: pytest.CaptureFixture[str]) -> None:
    kit.fit(kit.classifier(), kit.splits(), max_steps=3, eval_steps=1, logging_steps=1)

    assert capfd.readouterr() == ("", "")


def test_a_model_that_is_no_hugging_face_model(kit: Any) -> None:
    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = torch.nn.Embedding(100, 4), torch.nn.Linear(4, 2)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            self.logits = self.head((self.words(input_ids) * attention_mask[..., None]).mean(dim=1))
            return self

    model = kit.classifier()
    model.module = Plain()
    before = model.module.head.bias.clone()
    display = watched(kit, model, kit.splits(), max_steps=4, eval_steps=2, save_steps=2)

    assert display.evaluations == [2, 4]
    assert not torch.equal(model.module.head.bias, before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none(kit: Any) -> None:
    with pytest.raises(HostError, match="sees no CUDA device"):
        kit.fit(kit.classifier(), kit.splits(), max_steps=2, device="cuda")


def test_tf32_on_the_cpu(kit: Any) -> None:
    with pytest.raises(HostError, match="format of NVIDIA GPUs"):
        kit.fit(kit.classifier(), kit.splits(), max_steps=2, precision="tf32")


def test_several_processes_are_refused(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(HostError, match="trains in one process"):
        kit.fit(kit.classifier(), kit.splits(), max_steps=2)


def test_memory_that_runs_out_becomes_advice(kit: Any) -> None:
    model = kit.classifier()

    def refuse(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model.module.register_forward_pre_hook(refuse)
    with pytest.raises(HostError, match=r"batch_size = 8 .* max_length under"):
        kit.fit(model, kit.splits(), max_steps=2)


def test_plan_of_a_training() -> None:
    settings = HfTrainerSettings(num_train_epochs=2, batch_size=8, gradient_accumulation_steps=2, save_total_limit=1)
    trainer = LateTrainer(settings)

    assert isinstance(trainer, PlansTraining)
    assert trainer.plan_training(61, 1000) == {
        "steps": 8, "epochs": 2.0, "memory_bytes": 16_000, "disk_bytes": 28_000,
    }  # fmt: skip


def test_data_larger_than_a_chunk_keeps_its_order(kit: Any) -> None:
    texts = [f"film {'plot ' * (number % 5)}" for number in range(2100)]
    data = Dataset.from_dict({"text": texts})

    given = kit.trainer(eval_batch_size=700).predict(kit.classifier(), data["text"], Quiet())

    assert given.tokens.tolist() == [3 + number % 5 for number in range(2100)]


def test_layers_that_are_computed_again_give_the_same_weights(kit: Any) -> None:
    whole, again = kit.classifier(), kit.classifier()
    kit.fit(whole, {"train": kit.data(24)}, name="whole", max_steps=3)
    kit.fit(again, {"train": kit.data(24)}, name="again", max_steps=3, gradient_checkpointing=True)

    pairs = zip(whole.module.parameters(), again.module.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_both_sides_of_a_pair_have_types_of_their_own(kit: Any) -> None:
    sizes = BertSizes(vocab_size=100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    words = ["a fine film", "a dull plot", "fine"]
    model = HfModel(HfEncoder(scratch=sizes, max_length=16)).create(Labels(("no", "yes")), words, 1, Quiet())
    torch.nn.init.normal_(model.module.bert.embeddings.token_type_embeddings.weight)
    pairs = [(words[0], words[1]), (words[1], words[2]), (words[2], words[2])]
    tokens = model.tokenize(pairs)

    found = kit.trainer().predict(model, pairs, Quiet()).probabilities

    assert {0, 1} == {kind for row in tokens.types for kind in row}
    for i, (ids, types) in enumerate(zip(tokens.ids, tokens.types, strict=True)):
        with torch.no_grad():
            logits = model.module.eval()(
                input_ids=torch.tensor([list(ids)]), token_type_ids=torch.tensor([list(types)])
            ).logits
        assert found[i] == pytest.approx(logits.softmax(dim=1)[0].numpy(), abs=1e-6)
