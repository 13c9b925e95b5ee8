from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from clsfw_sklearn.choice import CHOICES, folds, teaches, until_it_rises

TWO = ("bad", "good")


def noisy(count, *, noise, seed=0):
    """Write texts of ten words each, the first of which tells the label but for a share of noise."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        label = int(random.integers(2))
        words = [f"{TWO[label]}{random.integers(4)}", *(f"w{word}" for word in random.integers(0, 60, size=9))]
        texts.append(" ".join(words))
        labels.append(label if random.random() >= noise else 1 - label)
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(TWO))})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


def facts_of(tmp_path, name="run"):
    lines = (tmp_path / name / "history.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def library_losses(train, validation):
    """Give the loss on validation of scikit-learn's own fits."""
    vectorizer = TfidfVectorizer().fit(train["text"])
    features, held_out = vectorizer.transform(train["text"]), vectorizer.transform(validation["text"])
    return {
        c: log_loss(
            validation["label"][:],
            LogisticRegression(C=c, max_iter=1000).fit(features, train["label"][:]).predict_proba(held_out),
        )
        for c in CHOICES
    }


@pytest.mark.parametrize(("noise", "expected"), [(0.5, 0.1), (0.25, 1.0), (0.1, 10.0), (0.0, 100.0)])
def test_it_is_the_one_with_the_smallest_loss_on_validation(noise, expected, fitted, notes):
    train, validation = noisy(400, noise=noise), noisy(200, noise=noise, seed=1)
    losses = library_losses(train, validation)
    assert min(losses, key=losses.__getitem__) == expected, losses  # the case is what it says

    classifier, _ = fitted({"train": train, "validation": validation})
    pinned, _ = fitted({"train": train, "validation": validation}, trainer={"C": expected}, name="pinned")

    assert f"C = {expected:g} was chosen by the loss on validation: " in "\n".join(notes.notes)
    assert f"{losses[expected]:.4f} at {expected:g}" in "\n".join(notes.notes)
    assert classifier.weights.tobytes() == pinned.weights.tobytes()
    assert classifier.bias.tobytes() == pinned.bias.tobytes()


@pytest.mark.parametrize(("noise", "expected"), [(0.5, 0.1), (0.0, 100.0)])
def test_without_validation_thirds_of_the_training_texts_are_left_out(noise, expected, fitted, notes):
    train = noisy(400, noise=noise)

    classifier, _ = fitted({"train": train})
    pinned, _ = fitted({"train": train}, trainer={"C": expected}, name="pinned")

    assert f"C = {expected:g} was chosen by the loss on held-out thirds of training: " in "\n".join(notes.notes)
    assert classifier.weights.tobytes() == pinned.weights.tobytes()


def test_a_number_pins_it(fitted, notes):
    fitted({"train": noisy(60, noise=0.1), "validation": noisy(40, noise=0.1)}, trainer={"C": 3.0})

    assert "C = " not in "\n".join(notes.notes)


def test_the_choice_is_recorded_and_found_again(open_run, fitted, notes):
    from clsfw import Labels
    from clsfw_sklearn import SklearnFitSettings, TfidfSettings, build_model, build_trainer

    data = {"train": noisy(100, noise=0.1), "validation": noisy(60, noise=0.1, seed=1)}
    recorded = []
    for _ in range(2):
        classifier = build_model(TfidfSettings()).create(Labels(TWO), data["train"]["text"], 42, notes)
        with open_run(Labels(TWO), data) as run:
            build_trainer(SklearnFitSettings()).fit(classifier, data, run)
            recorded.append(dict(run._execution.facts))

    assert recorded[0] == recorded[1]
    assert recorded[0]["C"] in CHOICES
    assert recorded[0]["C_losses"].keys() <= {"0.1", "1", "10", "100"}
    assert min(recorded[0]["C_losses"], key=recorded[0]["C_losses"].__getitem__) == f"{recorded[0]['C']:g}"


def test_too_few_texts_to_leave_any_out(fitted, notes):
    classifier, _ = fitted({"train": noisy(2, noise=0.0, seed=5)})

    assert "C = 1, as there are too few training texts to choose it by" in "\n".join(notes.notes)
    assert classifier.weights.any()


def test_several_labels_per_text(rows, fitted, notes):
    names = ("sport", "music", "food")
    data = {"train": rows(names, 60, multi_label=True), "validation": rows(names, 20, multi_label=True, seed=1)}

    fitted(data)

    assert "C = 100 was chosen by the loss on validation" in "\n".join(notes.notes)


def test_only_the_last_fit_warns_of_a_solver_that_was_stopped(fitted, notes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted({"train": noisy(90, noise=0.1), "validation": noisy(40, noise=0.1)}, trainer={"max_iter": 1})

    assert 1 == sum("stopped by max_iter = 1" in text for text in [*notes.notes, *notes.warnings])


@pytest.mark.parametrize(
    ("losses", "tried"),
    [
        ([4.0, 3.0, 2.0, 1.0], 4),
        ([1.0, 2.0, 0.0, 0.0], 2),
        ([2.0, 1.0, 3.0, 0.0], 3),
        ([2.0, 2.0, 1.0, 3.0], 4),
    ],
)
def test_fits_that_take_the_longest_are_left_out_once_the_loss_rises(losses, tried):
    found = until_it_rises(dict(zip(CHOICES, losses, strict=True)).__getitem__)

    assert found == dict(zip(CHOICES[:tried], losses, strict=False))


def test_each_fold_has_its_share_of_each_class():
    truth = np.array([0] * 9 + [1] * 3 + [2] * 6)

    fold = folds(truth, seed=1)

    for label, share in ((0, 3), (1, 1), (2, 2)):
        assert [share] * 3 == np.bincount(fold[truth == label], minlength=3).tolist()
    assert fold.tolist() == folds(truth, seed=1).tolist()
    assert fold.tolist() != folds(truth, seed=2).tolist()


def test_folds_of_texts_with_several_labels_are_of_like_size():
    assert [4, 4, 3] == np.bincount(folds(np.zeros((11, 2), dtype=np.int64), seed=1)).tolist()


@pytest.mark.parametrize(
    ("truth", "expected"),
    [([0, 0], False), ([0, 1], True), ([[1, 0], [1, 0]], False), ([[1, 0], [1, 1]], True), ([], False)],
)
def test_what_there_is_to_learn(truth, *, expected):
    assert expected == teaches(np.array(truth))
