from __future__ import annotations

import json
import signal

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from clsfw import InterruptedRunError, Labels, LinearClassifier, TorchClassifier, TrainingError
from clsfw.contract.parts import PlanFacts
from clsfw_sklearn import SklearnFitSettings, TfidfSettings, build_model, build_trainer
from clsfw_torch.settings import TorchTrainerSettings

TWO = ("sport", "music")
THREE = ("sport", "music", "food")


def predict(classifier, trainer, texts, notes):
    return trainer.predict(classifier, texts, notes)


@pytest.mark.parametrize("names", [TWO, THREE])
def test_probabilities_are_those_of_the_library_itself(names, rows, fitted, notes):
    train, test = rows(names, 60), rows(names, 20, seed=1)
    classifier, trainer = fitted({"train": train}, model={"ngram_range": [1, 2]}, trainer={"C": 3.0})
    given = predict(classifier, trainer, test["text"], notes)

    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit(train["text"])
    own = LogisticRegression(C=3.0, max_iter=1000).fit(vectorizer.transform(train["text"]), train["label"])
    expected = own.predict_proba(vectorizer.transform(test["text"]))
    np.testing.assert_allclose(expected, given.probabilities, atol=1e-6)


def test_the_labels_are_learned(rows, fitted, notes):
    classifier, trainer = fitted({"train": rows(THREE, 90)})
    test = rows(THREE, 60, seed=1)

    assert test["label"][:] == predict(classifier, trainer, test["text"], notes).probabilities.argmax(axis=1).tolist()


def test_several_labels_per_text_are_learned_one_by_one(rows, fitted, notes):
    classifier, trainer = fitted({"train": rows(THREE, 200, multi_label=True)}, trainer={"C": 100.0})
    test = rows(THREE, 60, multi_label=True, seed=1)
    given = predict(classifier, trainer, test["text"], notes).probabilities

    assert test["label"][:] == [np.flatnonzero(row >= 0.5).tolist() for row in given]


def test_a_class_that_training_never_shows_gets_no_probability(rows, fitted, notes):
    train = rows(THREE, 60).filter(lambda row: row["label"] != 1)
    classifier, trainer = fitted({"train": train})
    given = predict(classifier, trainer, ["ball song soup", ""], notes).probabilities

    assert [0.0, 0.0] == given[:, 1].tolist()
    np.testing.assert_allclose(given.sum(axis=1), 1.0, atol=1e-6)


def test_a_label_that_training_never_or_always_shows_keeps_to_that(rows, fitted, notes):
    train = rows(THREE, 60, multi_label=True)
    train = train.map(lambda row: {"label": sorted({*row["label"], 0} - {1})}, features=train.features)
    classifier, trainer = fitted({"train": train})
    given = predict(classifier, trainer, ["ball song soup"], notes).probabilities

    assert [1.0, 0.0] == given[0, :2].tolist()


def test_validation_is_scored_and_recorded(rows, fitted, tmp_path):
    fitted({"train": rows(TWO, 60), "validation": rows(TWO, 20, seed=1)})
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]

    assert history[0].keys() == {"step", "loss"}
    assert ["step", "split", "loss", "precision", "recall", "f1", "accuracy"] == list(history[1])
    assert history[1]["accuracy"] == 1.0


def test_the_loss_is_the_mean_cross_entropy(rows, fitted, notes, tmp_path):
    train = rows(THREE, 60)
    classifier, trainer = fitted({"train": train})
    given = predict(classifier, trainer, train["text"], notes).probabilities
    history = json.loads((tmp_path / "run" / "history.jsonl").read_text())

    expected = -np.log(given[np.arange(60), train["label"]]).mean()
    assert pytest.approx(expected, rel=1e-5) == history["loss"]


def test_the_same_seed_gives_the_same_bits(rows, fitted):
    data = {"train": rows(TWO, 60)}
    one, two = (fitted(data, trainer={"solver": "saga"}, name=name)[0] for name in ("one", "two"))

    assert one.weights.tobytes() == two.weights.tobytes()


def test_a_continued_run_takes_the_fit_from_its_checkpoint(rows, fitted, monkeypatch):
    data = {"train": rows(TWO, 60)}
    first, _ = fitted(data)
    monkeypatch.setattr(LogisticRegression, "fit", lambda *_given: pytest.fail("it was fitted again"))
    second, _ = fitted(data)

    assert first.weights.tobytes() == second.weights.tobytes()


def test_a_signal_stops_it_after_the_commit(rows, open_run, notes):
    train, labels = rows(TWO, 60), Labels(TWO)
    classifier = build_model(TfidfSettings()).create(labels, train["text"], 42, notes)
    with open_run(labels, {"train": train}) as run:
        run._execution._signals.received = signal.SIGTERM
        with pytest.raises(InterruptedRunError):
            build_trainer(SklearnFitSettings()).fit(classifier, {"train": train}, run)

        assert run.checkpoints.latest().step == 1


def test_one_label_only_is_an_error(rows, fitted):
    train = rows(TWO, 20).filter(lambda row: row["label"] == 0)

    with pytest.raises(TrainingError, match="one label only"):
        fitted({"train": train})


def test_class_weights_go_by_label_names(rows, fitted, notes):
    data = {"train": rows(TWO, 60)}
    plain, trainer = fitted(data)
    texts = ["it was the"]
    before = predict(plain, trainer, texts, notes).probabilities[0, 1]
    heavy, trainer = fitted(data, trainer={"class_weights": {"music": 20.0}}, name="heavy")

    assert predict(heavy, trainer, texts, notes).probabilities[0, 1] > before


def test_an_unknown_label_in_class_weights_is_named(rows, fitted):
    with pytest.raises(TrainingError, match=r"class_weights\.muzak: it is none of the labels sport, music"):
        fitted({"train": rows(TWO, 20)}, trainer={"class_weights": {"muzak": 2.0}})


def test_a_solver_that_was_stopped_early_is_told(rows, fitted, notes):
    fitted({"train": rows(TWO, 60)}, trainer={"max_iter": 1})

    assert ["the solver was stopped by max_iter = 1 before it was done; raise max_iter"] == notes.warnings


def test_what_the_trainer_needs_a_torch_model_is_not(rows, fitted):
    classifier, trainer = fitted({"train": rows(TWO, 20)})

    assert trainer.needs is LinearClassifier
    assert isinstance(classifier, LinearClassifier)
    assert not isinstance(classifier, TorchClassifier)
    assert not isinstance(Dataset.from_dict({}), LinearClassifier)


def test_seventy_seven_classes_work(fitted, notes):
    names = [f"intent-{i:02}" for i in range(77)]
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    texts = [f"please do thing{i} now" for i in range(77)] * 3
    classifier, trainer = fitted(
        {"train": Dataset.from_dict({"text": texts, "label": [*range(77)] * 3}, features=features)}
    )

    assert list(range(77)) == predict(classifier, trainer, texts[:77], notes).probabilities.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("settings", "steps", "key"),
    [
        ({"class_weights": {"music": 2.0, "muzak": 2.0}}, (), "class_weights.muzak"),
        ({"class_weights": [1.0]}, (), "class_weights"),
        ({"class_weights": [0.0, 0.0]}, (), "class_weights"),
        ({}, (1, 10), ""),
        ({}, (1,), None),
    ],
)
def test_what_cannot_fit_is_found_before_training(settings, steps, key):
    facts = PlanFacts(frozenset({"train", "validation"}), {}, expected_steps=steps, labels=Labels(TWO))
    found = [key for key, _ in SklearnFitSettings(**settings).check_plan(facts)]

    assert found == ([] if key is None else [key])


def test_class_weights_may_be_a_list_in_the_order_of_the_labels(rows, fitted):
    data = {"train": rows(TWO, 60)}
    by_name, _ = fitted(data, trainer={"class_weights": {"music": 20.0}}, name="by-name")
    by_order, _ = fitted(data, trainer={"class_weights": [1.0, 20.0]}, name="by-order")

    assert by_name.weights.tolist() == by_order.weights.tolist()


def test_balanced_is_refused_with_several_labels_as_the_other_trainers_refuse_it():
    facts = PlanFacts(frozenset({"train"}), {}, labels=Labels(TWO, multi_label=True))

    assert [("class_weights", "'balanced' is for one label per text; give weights instead")] == list(
        SklearnFitSettings(class_weights="balanced").check_plan(facts)
    )


def test_the_setting_is_that_of_the_other_trainers():
    ours, theirs = (kind.model_fields["class_weights"] for kind in (SklearnFitSettings, TorchTrainerSettings))

    assert str(theirs.annotation) == str(ours.annotation)
    assert (theirs.default, theirs.description) == (ours.default, ours.description)


def test_the_page_lists_the_settings(root):
    page = (root / "docs" / "reference" / "trainers.md").read_text(encoding="utf-8").split("\n## sklearn-fit\n")[1]
    table = page.split("| --- | --- | --- |\n")[1].split("\n\n", maxsplit=1)[0]

    assert table == "\n".join(
        f"| `{name}` | {'' if field.default is None else f'`{field.default!r}`'} | {field.description} |"
        for name, field in SklearnFitSettings.model_fields.items()
    )
