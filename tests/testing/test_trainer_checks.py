"""Each check of trainers lets the toy pass, and fails a trainer that is bad in just its way."""

from __future__ import annotations

import itertools
import socket
from types import SimpleNamespace

import numpy as np
import pytest

import clsfw
from clsfw.errors import ContractError, TrainingError
from clsfw.testing import ToyModel, ToyTrainer, trainer_checks
from clsfw.testing.encoder import TinyEncoder
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject


def subject(trainer, model=ToyModel):
    component = clsfw.Component(name="great", summary="s", settings=clsfw.Settings, build=lambda _: trainer())
    partner = clsfw.Component(name="toy", summary="s", settings=clsfw.Settings, build=lambda _: model())
    return Subject("trainer", component, partner=Subject("model", partner))


class NeedsAnything(ToyTrainer):
    needs = object


class NeedsNoType(ToyTrainer):
    needs = "a toy classifier"


class TrainsNothing(ToyTrainer):
    def _update(self, model, features, targets):
        return 0.5


class LogsNothing(ToyTrainer):
    def fit(self, model, data, run):
        super().fit(model, data, quieter(run, log=lambda *_: None))


class CommitsNoEnd(ToyTrainer):
    def fit(self, model, data, run):
        checkpoints = SimpleNamespace(
            latest=run.checkpoints.latest,
            commit=lambda step, write: run.checkpoints.commit(step, write) if step < self.steps else None,
        )
        super().fit(model, data, quieter(run, checkpoints=checkpoints))


class PredictsTwoClasses(ToyTrainer):
    def predict(self, model, texts, reporter):
        found = super().predict(model, texts, reporter)
        return clsfw.Prediction(found.probabilities[:, :2], found.tokens, found.truncated)


class PredictsWideNumbers(ToyTrainer):
    def predict(self, model, texts, reporter):
        found = super().predict(model, texts, reporter)
        return clsfw.Prediction(found.probabilities.astype(np.float64), found.tokens, found.truncated)


class SumsToOneAlways(ToyTrainer):
    def predict(self, model, texts, reporter):
        found = super().predict(model, texts, reporter)
        return clsfw.Prediction(found.probabilities[:, :1], found.tokens, found.truncated)


class SwapsTheTestSplit(ToyTrainer):
    def fit(self, model, data, run):
        super().fit(model, data, run)
        run.data["test"] = run.data["train"]


class CountsClassesInValidation(ToyTrainer):
    def fit(self, model, data, run):
        if "validation" in data:
            assert len(set(data["validation"]["label"])) == len(model.labels.names)
        super().fit(model, data, run)


class WantsValidation(ToyTrainer):
    def fit(self, model, data, run):
        run.record(rows=len(data["validation"]))
        super().fit(model, data, run)


class BreaksOnEmptyTexts(ToyTrainer):
    def fit(self, model, data, run):
        assert all(data["train"]["text"])
        super().fit(model, data, run)


class SortsAndForgets(ToyTrainer):
    def predict(self, model, texts, reporter):
        return super().predict(model, sorted(texts, key=len), reporter)


class PredictsAtRandom(ToyTrainer):
    numbers = itertools.count(1)

    def predict(self, model, texts, reporter):
        found = super().predict(model, texts, reporter)
        tilted = found.probabilities ** (1 + next(self.numbers) * 1e-4)
        tilted = (tilted / tilted.sum(axis=1, keepdims=True)).astype(np.float32)
        return clsfw.Prediction(tilted, found.tokens, found.truncated)


class ReadsTheFirstTextOnly(ToyTrainer):
    def predict(self, model, texts, reporter):
        return super().predict(model, [text if isinstance(text, str) else text[0] for text in texts], reporter)


class SortsPairsAndForgets(ToyTrainer):
    def predict(self, model, texts, reporter):
        return super().predict(model, sorted(texts) if texts and isinstance(texts[0], tuple) else texts, reporter)


class NeverTheSame(ToyTrainer):
    numbers = itertools.count(1)

    def fit(self, model, data, run):
        super().fit(model, data, quieter(run, seed=next(self.numbers)))


class NeverStops(ToyTrainer):
    def fit(self, model, data, run):
        super().fit(model, data, quieter(run, stop_requested=False))


class StopsWithoutACheckpoint(ToyTrainer):
    def fit(self, model, data, run):
        if run.stop_requested:
            run.stop()
        super().fit(model, data, run)


class ForgetsTheWeights(ToyTrainer):
    def fit(self, model, data, run):
        started = model.weights
        checkpoints = SimpleNamespace(
            latest=run.checkpoints.latest,
            commit=lambda step, _: run.checkpoints.commit(step, lambda f: np.save(f / "weights.npy", started)),
        )
        super().fit(model, data, quieter(run, checkpoints=checkpoints))


class CountsFromTheRestart(ToyTrainer):
    def fit(self, model, data, run):
        steps = itertools.count(1)
        super().fit(model, data, quieter(run, log=lambda _, values: run.log(next(steps), values)))


class TrainsOnNothing(ToyTrainer):
    def fit(self, model, data, run):
        if len(data["train"]):
            super().fit(model, data, run)


class CallsHome(ToyTrainer):
    def fit(self, model, data, run):
        socket.getaddrinfo("localhost", 80)
        super().fit(model, data, run)


class UsesTheGlobalNumbers(ToyTrainer):
    def fit(self, model, data, run):
        np.random.shuffle([1, 2, 3])  # noqa: NPY002  # that is the fault
        super().fit(model, data, run)


def quieter(run, **replaced):
    """Give the handle of a run with some of its parts replaced."""

    class Handle:
        def __getattr__(self, name):
            return replaced[name] if name in replaced else getattr(run, name)

    return Handle()


BAD = [
    (trainer_checks.says_what_it_needs, NeedsAnything, "and not every object"),
    (trainer_checks.says_what_it_needs, NeedsNoType, "whose `needs` is not a class or protocol"),
    (trainer_checks.trains_and_predicts, TrainsNothing, "the same after training as before"),
    (trainer_checks.trains_and_predicts, SwapsTheTestSplit, "failed in fit of .*does not support item assignment"),
    (trainer_checks.trains_and_predicts, LogsNothing, "it must call run.log"),
    (trainer_checks.trains_and_predicts, CommitsNoEnd, "it must commit a checkpoint after its last step"),
    (
        trainer_checks.trains_and_predicts,
        PredictsWideNumbers,
        "must give probabilities as float32 of shape .16, 2., not float64",
    ),
    (trainer_checks.takes_three_classes, PredictsTwoClasses, "of shape .2, 3., not float32 of shape .2, 2."),
    (trainer_checks.takes_several_labels, SumsToOneAlways, "of shape .1, 3., not float32 of shape .1, 1."),
    (trainer_checks.takes_a_class_missing_from_validation, CountsClassesInValidation, "AssertionError"),
    (trainer_checks.takes_no_validation, WantsValidation, "KeyError: 'validation'"),
    (trainer_checks.takes_odd_texts, BreaksOnEmptyTexts, "AssertionError"),
    (trainer_checks.takes_pairs_if_it_says_so, ReadsTheFirstTextOnly, "must be those of both of its texts"),
    (trainer_checks.takes_pairs_if_it_says_so, SortsPairsAndForgets, "pair 0 of 4 is predicted differently alone"),
    (trainer_checks.predicts_in_order, SortsAndForgets, "is predicted differently alone; keep the order"),
    (trainer_checks.predicts_in_order, PredictsAtRandom, "twice gives different bits"),
    (trainer_checks.same_seed_same_bits, NeverTheSame, "two runs with one seed differ in weights.npy"),
    (trainer_checks.stops_when_asked, NeverStops, "it trains on when a stop is asked for"),
    (trainer_checks.stops_when_asked, StopsWithoutACheckpoint, "it stops without a checkpoint"),
    (trainer_checks.resumed_equals_uninterrupted, ForgetsTheWeights, "never stopped, differ in weights.npy"),
    (trainer_checks.resumed_equals_uninterrupted, CountsFromTheRestart, "differ in the history of steps"),
    (trainer_checks.refuses_to_train_on_nothing, TrainsOnNothing, "an empty training split is not noticed"),
    (trainer_checks.works_offline, CallsHome, "Network is unreachable"),
    (trainer_checks.leaves_surroundings_alone, UsesTheGlobalNumbers, "changes the random numbers of numpy.random"),
]


@pytest.mark.parametrize("check", trainer_checks.CHECKS, ids=lambda c: c.__name__)
def test_the_toy_passes(check):
    Check(subject(ToyTrainer), check)()


@pytest.mark.parametrize(("check", "bad", "words"), BAD, ids=[bad.__name__ for _, bad, _ in BAD])
def test_a_bad_trainer_fails(check, bad, words):
    with pytest.raises(ContractError, match=words) as caught:
        Check(subject(bad), check)()

    assert str(caught.value).startswith("trainer 'great'")


def test_every_check_has_a_bad_trainer():
    assert set(trainer_checks.CHECKS) == {check for check, _, _ in BAD}


def test_a_trainer_may_refuse_several_labels():
    class OneLabelOnly(ToyTrainer):
        def fit(self, model, data, run):
            if model.labels.multi_label:
                raise TrainingError("one label per text only")
            super().fit(model, data, run)

    Check(subject(OneLabelOnly), trainer_checks.takes_several_labels)()


def test_a_trainer_that_fits_no_model_says_so():
    with pytest.raises(ContractError, match="none that is installed fits what it needs"):
        Check(subject(ToyTrainer).beside(None), trainer_checks.works_offline)()


def test_a_stop_is_tried_early_late_and_between(monkeypatch):
    stops = []
    real = trainer_checks.train

    def train(*arguments, **options):
        stops.append(options["stop_after"])
        return real(*arguments, **options)

    monkeypatch.setattr(trainer_checks, "train", train)
    Check(subject(ToyTrainer), trainer_checks.resumed_equals_uninterrupted)()

    assert [None, 1, None, 6, None, 11, None] == stops


def test_a_model_of_the_wrong_shape_does_not_fit():
    with pytest.raises(ContractError, match="needs must fit the classifiers that it trains"):
        Check(subject(ToyTrainer, TinyEncoder), trainer_checks.says_what_it_needs)()
