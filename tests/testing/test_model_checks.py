"""Each check of models lets the toy pass, and fails a model that is bad in just its way."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import random
import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import clsfw
from clsfw.errors import ContractError, ModelError
from clsfw.testing import ToyClassifier, ToyModel, ToyTrainer, model_checks
from clsfw.testing.encoder import TinyClassifier, TinyEncoder
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject
from clsfw_runtime.windows import Windows


def subject(model, trainer=None):
    component = clsfw.Component(name="great", summary="s", settings=clsfw.Settings, build=lambda _: model())
    partner = clsfw.Component(
        name="toy", summary="s", settings=clsfw.Settings, build=lambda _: trainer or ToyTrainer(steps=2)
    )
    return Subject("model", component, partner=Subject("trainer", partner))


class Classifier(ToyClassifier):
    """The toy, made anew for each bad model below."""


class Model(ToyModel):
    kind = Classifier

    def create(self, labels, texts, seed, reporter):
        return self.kind(labels, super().create(labels, texts, seed, reporter).weights)

    def load(self, directory):
        toy = super().load(directory)
        return self.kind(toy.labels, toy.weights)


class ForgetsLabelNames(Model):
    def load(self, directory):
        classifier = super().load(directory)
        classifier.labels = clsfw.Labels(tuple(f"LABEL_{n}" for n in range(len(classifier.labels.names))))
        return classifier


class IgnoresTheSeed(Model):
    numbers = itertools.count()

    def create(self, labels, texts, seed, reporter):
        return super().create(labels, texts, next(self.numbers), reporter)


class SavesRounded(Model):
    class kind(Classifier):  # noqa: N801  # an attribute of the model above
        def save(self, directory):
            ToyClassifier(self.labels, self.weights.round(1)).save(directory)


class SavesAPickle(Model):
    class kind(Classifier):  # noqa: N801  # an attribute of the model above
        def save(self, directory):
            super().save(directory)
            (directory / "extra.bin").write_bytes(pickle.dumps({"a": 1}))


class SavesALink(Model):
    class kind(Classifier):  # noqa: N801  # an attribute of the model above
        def save(self, directory):
            super().save(directory)
            (directory / "extra.json").symlink_to("/etc/hostname")


class CountsWrongly(Model):
    class kind(Classifier):  # noqa: N801  # an attribute of the model above
        def parameters(self):
            return self.weights.size, self.weights.size + 1


class BreaksOnEmptyTexts(Model):
    class kind(Classifier):  # noqa: N801  # an attribute of the model above
        def features(self, texts):
            assert all(text.split()[0] for text in texts)
            return super().features(texts)


class KnowsTwoClassesOnly(Model):
    class kind(Classifier):  # noqa: N801  # an attribute of the model above
        def probabilities(self, features):
            return super().probabilities(features)[:, :2]


class ForgetsSeveralLabels(Model):
    def load(self, directory):
        classifier = super().load(directory)
        classifier.labels = clsfw.Labels(classifier.labels.names)
        return classifier


class LoadsAnything(Model):
    def load(self, directory):
        facts = json.loads((directory / "labels.json").read_text(encoding="utf-8"))
        return Classifier(clsfw.Labels(tuple(facts["names"]), facts["multi_label"]), np.load(directory / "weights.npy"))


class CallsHome(Model):
    def create(self, labels, texts, seed, reporter):
        socket.create_connection(("127.0.0.1", 9), timeout=1).close()
        return super().create(labels, texts, seed, reporter)


class SeedsEverything(Model):
    def create(self, labels, texts, seed, reporter):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # that is the fault
        return super().create(labels, texts, seed, reporter)


class WalksAway(Model):
    def create(self, labels, texts, seed, reporter):
        os.chdir("/")
        return super().create(labels, texts, seed, reporter)


class OverlongClassifier(TinyClassifier):
    def tokenize(self, texts):
        found = super().tokenize(texts)
        return clsfw.TokenizedTexts([[*ids, 5] for ids in found.ids], found.tokens, found.truncated)


class CutsTooLate(TinyEncoder):
    def create(self, labels, texts, seed, reporter):
        tiny = super().create(labels, texts, seed, reporter)
        return OverlongClassifier(tiny.labels, tiny.module)


class HalfPrecision(TinyEncoder):
    def create(self, labels, texts, seed, reporter):
        tiny = super().create(labels, texts, seed, reporter)
        tiny.module.half()
        return tiny


class WindowedClassifier(TinyClassifier):
    """The tiny encoder takes texts of any length anyway."""

    windows = Windows(TinyClassifier.max_length, 8, "mean", (1, 0))

    def tokenize(self, texts):
        found = super().tokenize(texts)
        whole = [[*ids, *[5] * (n - len(ids))] for ids, n in zip(found.ids, found.tokens, strict=True)]
        return clsfw.TokenizedTexts(whole, found.tokens, np.zeros(len(whole), np.bool_))


class HasWindows(TinyEncoder):
    kind = WindowedClassifier

    def create(self, labels, texts, seed, reporter):
        tiny = super().create(labels, texts, seed, reporter)
        return self.kind(tiny.labels, tiny.module)


class CutsInSpiteOfWindows(HasWindows):
    class kind(TinyClassifier):  # noqa: N801  # an attribute of the model above
        windows = WindowedClassifier.windows


class LongWindows(HasWindows):
    class kind(WindowedClassifier):  # noqa: N801  # an attribute of the model above
        windows = Windows(TinyClassifier.max_length + 1, 8, "mean", (1, 0))


class ReadsOneWindow(HasWindows):
    class kind(WindowedClassifier):  # noqa: N801  # an attribute of the model above
        def __init__(self, labels, module):
            super().__init__(labels, module)
            answer = module.forward

            def forward(input_ids, attention_mask):
                return answer(input_ids.view(-1, 1), attention_mask.view(-1, 1))

            module.forward = forward


class ClaimsPairs(Model):
    """Says that it takes pairs, and starts a classifier that does not say so."""

    class kind(Classifier):  # noqa: N801  # as Model has it
        takes_pairs = False


BAD = [
    (model_checks.keeps_the_label_names, ForgetsLabelNames, "comes back with Labels"),
    (model_checks.same_seed_same_bits, IgnoresTheSeed, "created twice with one seed, it differs in weights.npy"),
    (model_checks.saved_and_loaded_it_predicts_the_same, SavesRounded, "saved and loaded, probabilities differ"),
    (model_checks.saves_plain_files, SavesALink, "saves extra.json, which is a symbolic link"),
    (model_checks.saves_plain_files, SavesAPickle, "saves extra.bin as a pickle"),
    (model_checks.counts_its_parameters, CountsWrongly, r"parameters\(\) gives \(128, 129\)"),
    (model_checks.takes_odd_texts, BreaksOnEmptyTexts, "an empty text cannot be predicted: IndexError"),
    (model_checks.takes_three_classes, KnowsTwoClassesOnly, "ValueError"),
    (model_checks.takes_several_labels, ForgetsSeveralLabels, "several labels per text, it comes back with one"),
    (model_checks.refuses_a_folder_that_it_did_not_save, LoadsAnything, "must be a ModelError, not FileNotFoundError"),
    (model_checks.works_offline, CallsHome, "Network is unreachable"),
    (model_checks.leaves_surroundings_alone, SeedsEverything, "Python's random and the random numbers of numpy.random"),
    (model_checks.leaves_surroundings_alone, WalksAway, "changes the working directory"),
    (model_checks.tokenizes_as_torch_trainers_need, CutsTooLate, "none longer than max_length"),
    (model_checks.tokenizes_as_torch_trainers_need, CutsInSpiteOfWindows, r"tokenize\(\) must cut no text"),
    (model_checks.tokenizes_as_torch_trainers_need, LongWindows, "no window may be longer than max_length"),
    (model_checks.tokenizes_as_torch_trainers_need, ReadsOneWindow, "one row of logits for a text of any length"),
    (model_checks.takes_pairs_if_it_says_so, ClaimsPairs, "it says takes_pairs, and its classifier does not"),
    (model_checks.tokenizes_as_torch_trainers_need, HalfPrecision, "must be float32 on the CPU"),
]


@pytest.fixture(autouse=True)
def _a_server_that_answers(monkeypatch):
    """Let connections succeed outside the block, so that only the block can make them fail."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: None)


@pytest.mark.parametrize("check", model_checks.CHECKS, ids=lambda c: c.__name__)
def test_the_toy_passes(check):
    Check(subject(ToyModel), check)()


@pytest.mark.parametrize(("check", "bad", "words"), BAD, ids=[bad.__name__ for _, bad, _ in BAD])
def test_a_bad_model_fails(check, bad, words):
    folder = Path.cwd()
    with pytest.raises(ContractError, match=words) as caught:
        Check(subject(bad, getattr(bad, "trainer", None)), check)()

    assert str(caught.value).startswith("model 'great'")
    assert folder == Path.cwd()


def test_every_check_has_a_bad_model():
    assert set(model_checks.CHECKS) == {check for check, _, _ in BAD}


def test_a_model_may_refuse_several_labels():
    class OneLabelOnly(Model):
        def create(self, labels, texts, seed, reporter):
            if labels.multi_label:
                raise ModelError("one label per text only")
            return super().create(labels, texts, seed, reporter)

    Check(subject(OneLabelOnly), model_checks.takes_several_labels)()


def test_a_model_that_nothing_can_train_says_so():
    alone = subject(ToyModel).beside(None)

    with pytest.raises(ContractError, match="no trainer was given, and none that is installed can train it"):
        Check(alone, model_checks.keeps_the_label_names)()


def test_the_tiny_encoder_tokenizes_as_torch_trainers_need():
    Check(subject(TinyEncoder), model_checks.tokenizes_as_torch_trainers_need)()


def test_a_model_with_windows_need_not_cut():
    Check(subject(HasWindows), model_checks.tokenizes_as_torch_trainers_need)()


def test_a_namespace_is_no_classifier():
    made = SimpleNamespace(create=lambda *_: SimpleNamespace(), load=lambda _: None)
    with pytest.raises(ContractError, match="create gave a SimpleNamespace, which has no labels"):
        Check(subject(lambda: made), model_checks.counts_its_parameters)()
