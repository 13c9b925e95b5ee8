"""The contract of trainers; a trainer is tried together with a model that it can train, in real run directories."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.parts import ChecksPlan, PlanFacts
from clsfw.discovery.parts import takes_pairs
from clsfw.errors import ContractError, DataError, ModelError, TrainingError
from clsfw.testing.harness import Trained, create, open_run, predict, saved_files, train
from clsfw.testing.samples import ODD_TEXTS, SEVERAL, THREE, TWO, toy_pairs, toy_splits
from clsfw.testing.surroundings import no_network, require_left_alone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset

    from clsfw.contract.parts import Labels, Trainer
    from clsfw.testing.subject import Subject

_CLOSE = 1e-3


def says_what_it_needs(subject: Subject[Trainer[Any]]) -> None:
    """`needs` distinguishes a classifier that can be trained from anything else."""
    trainer = subject.build()
    try:
        fits, anything = (
            isinstance(create(_partner(subject), TWO, toy_splits(TWO)), trainer.part.needs),
            isinstance(object(), trainer.part.needs),
        )
    except (AttributeError, TypeError) as exc:
        raise ContractError(f"{subject}: needs must be a class or a runtime-checkable protocol: {exc}") from exc
    if not fits or anything:
        raise ContractError(f"{subject}: needs must fit the classifiers that it trains, and not every object")


def trains_and_predicts(subject: Subject[Trainer[Any]]) -> None:
    """Two classes: the weights change, steps are logged, and the end is committed as a checkpoint."""
    data = toy_splits(TWO)
    trained = _train(subject, TWO, data)
    predict(subject, trained.classifier, data["test"]["text"])
    if trained.files == saved_files(create(_partner(subject), TWO, data)):
        raise ContractError(f"{subject}: the classifier is the same after training as before; train it in place")
    steps = [line for line in trained.history if "split" not in line]
    if not steps or any("loss" not in line for line in steps):
        raise ContractError(f"{subject}: it must call run.log(step, {{'loss': ...}}) at least once")
    last = max(line["step"] for line in trained.history)
    if trained.committed is None or trained.committed < last:
        raise ContractError(f"{subject}: it must commit a checkpoint after its last step, so that nothing is lost")


def takes_three_classes(subject: Subject[Trainer[Any]]) -> None:
    """Three classes are trained and predicted."""
    predict(subject, _train(subject, THREE).classifier, ["sign1", "sign2"])


def takes_several_labels(subject: Subject[Trainer[Any]]) -> None:
    """Several labels per text are trained and predicted, or refused by an error that says so."""
    try:
        trained = _train(subject, SEVERAL)
    except (DataError, ModelError, TrainingError):
        return
    predict(subject, trained.classifier, ["sign1 sign2"])


def takes_a_class_missing_from_validation(subject: Subject[Trainer[Any]]) -> None:
    """A class that the validation split does not show changes nothing."""
    _train(subject, THREE, toy_splits(THREE, missing_from_validation=2))


def takes_no_validation(subject: Subject[Trainer[Any]]) -> None:
    """Without a validation split it trains all the same."""
    settings, splits = subject.settings(), ("train", "test")
    scores = dict.fromkeys(("precision", "recall", "f1", "accuracy"), True)
    if isinstance(settings, ChecksPlan) and list(settings.check_plan(PlanFacts(frozenset(splits), scores))):
        return  # these settings demand a validation split, and a recipe without one is refused
    data = toy_splits(TWO)
    _train(subject, TWO, {name: data[name] for name in splits})


def takes_odd_texts(subject: Subject[Trainer[Any]]) -> None:
    """Empty texts, any script, and 10,000 words are trained on and predicted like any other text."""
    data = toy_splits(TWO)
    odd = [*ODD_TEXTS.values(), *data["train"]["text"][len(ODD_TEXTS) :]]
    columns = {**data["train"].to_dict(), "text": odd}
    train_split = type(data["train"]).from_dict(columns, features=data["train"].features)
    trained = _train(subject, TWO, {**data, "train": train_split})
    predict(subject, trained.classifier, list(ODD_TEXTS.values()))


def takes_pairs_if_it_says_so(subject: Subject[Trainer[Any]]) -> None:
    """With `takes_pairs`, pairs of texts are trained on, and each gets its own prediction, with both sides counted."""
    if not (takes_pairs(subject.build().part) and takes_pairs(_partner(subject).build().part)):
        return
    pairs: Any = [("sign1 word2", "word3"), ("sign2", ""), ("", "sign1"), ("word1", "word2 word3 " * 20)]
    classifier = _train(subject, TWO, toy_pairs()).classifier
    together = predict(subject, classifier, pairs)
    for row, pair in enumerate(pairs):
        alone = predict(subject, classifier, [pair])
        apart = np.abs(alone.probabilities[0] - together.probabilities[row]).max()
        if apart > _CLOSE or alone.tokens[0] != together.tokens[row]:
            raise ContractError(f"{subject}: pair {row} of {len(pairs)} is predicted differently alone; keep the order")
    if together.tokens[3] - together.tokens[0] < 20:  # noqa: PLR2004  # as many words, at the least
        raise ContractError(f"{subject}: the tokens of a pair must be those of both of its texts")


def predicts_in_order(subject: Subject[Trainer[Any]]) -> None:
    """Each text gets its own prediction, whatever is beside it, and the same call gives the same bits."""
    texts = [*toy_splits(TWO)["test"]["text"], *ODD_TEXTS.values()]
    classifier = _train(subject, TWO).classifier
    together, again = (predict(subject, classifier, texts) for _ in range(2))
    if not np.array_equal(together.probabilities, again.probabilities):
        raise ContractError(f"{subject}: predicting the same texts twice gives different bits")
    alone = [predict(subject, classifier, [text]) for text in texts]
    for row, one in enumerate(alone):
        apart = np.abs(one.probabilities[0] - together.probabilities[row]).max()
        if apart > _CLOSE or one.tokens[0] != together.tokens[row]:
            raise ContractError(f"{subject}: text {row} of {len(texts)} is predicted differently alone; keep the order")
    if len(predict(subject, classifier, []).probabilities):
        raise ContractError(f"{subject}: no text must give no prediction")


def same_seed_same_bits(subject: Subject[Trainer[Any]]) -> None:
    """Two runs with the same seed end with the same bytes and the same history."""
    _same(subject, _train(subject, TWO), _train(subject, TWO), "two runs with one seed")


def stops_when_asked(subject: Subject[Trainer[Any]]) -> None:
    """When `run.stop_requested` is true, it commits a checkpoint and leaves by `run.stop()`."""
    stopped = _train(subject, TWO, stop_after=1)
    if not stopped.interrupted:
        raise ContractError(
            f"{subject}: it trains on when a stop is asked for; look at run.stop_requested at each step"
        )
    if stopped.committed is None:
        raise ContractError(f"{subject}: it stops without a checkpoint; call run.checkpoints.commit before run.stop()")


def resumed_equals_uninterrupted(subject: Subject[Trainer[Any]]) -> None:
    """Stopped after a step, and continued, it ends with the bits of a run that was never stopped."""
    whole = _train(subject, TWO)
    for stop_after in sorted({1, max(1, whole.looked // 2), max(1, whole.looked - 1)}):
        with TemporaryDirectory(prefix="clsfw-") as folder:
            run = Path(folder) / "run"
            if not _train(subject, TWO, directory=run, stop_after=stop_after).interrupted:
                continue
            continued = _train(subject, TWO, directory=run)
        _same(subject, whole, continued, f"a run stopped at look {stop_after} and continued, and one never stopped,")


def refuses_to_train_on_nothing(subject: Subject[Trainer[Any]]) -> None:
    """An empty training split is a `TrainingError`."""
    data = toy_splits(TWO)
    classifier = create(_partner(subject), TWO, data)
    empty = {**data, "train": data["train"].select([])}
    with TemporaryDirectory(prefix="clsfw-") as folder, open_run(Path(folder) / "run", empty, TWO) as run:
        try:
            subject.build().fit(classifier, run.data, run)
        except TrainingError:
            return
        except Exception as exc:
            raise ContractError(
                f"{subject}: an empty training split must be a TrainingError, not {subject.told(exc)}"
            ) from exc
    raise ContractError(f"{subject}: an empty training split is not noticed; raise TrainingError")


def works_offline(subject: Subject[Trainer[Any]]) -> None:
    """It needs no network."""
    with no_network():
        _train(subject, TWO)


def leaves_surroundings_alone(subject: Subject[Trainer[Any]]) -> None:
    """Training and predicting change neither the working directory nor global random numbers."""

    def work() -> None:
        trained = _train(subject, TWO)
        predict(subject, trained.classifier, ["sign1"])

    require_left_alone(subject, work)


def _partner(subject: Subject[Trainer[Any]]) -> Subject[Any]:
    if subject.partner is None:
        raise ContractError(f"{subject}: no model was given, and none that is installed fits what it needs")
    return subject.partner


def _train(
    subject: Subject[Trainer[Any]],
    labels: Labels,
    data: Mapping[str, Dataset] | None = None,
    *,
    directory: Path | None = None,
    stop_after: int | None = None,
) -> Trained:
    found = data if data is not None else toy_splits(labels)
    return train(subject, _partner(subject), labels, found, directory=directory, stop_after=stop_after)


def _same(subject: object, one: Trained, other: Trained, what: str) -> None:
    differing = [n for n in sorted({*one.files, *other.files}) if one.files.get(n) != other.files.get(n)]
    if list(one.history) != list(other.history):
        differing.append("the history of steps")
    if differing:
        raise ContractError(f"{subject}: {what} differ in {', '.join(differing)}")


CHECKS = (
    says_what_it_needs,
    trains_and_predicts,
    takes_three_classes,
    takes_several_labels,
    takes_a_class_missing_from_validation,
    takes_no_validation,
    takes_odd_texts,
    takes_pairs_if_it_says_so,
    predicts_in_order,
    same_seed_same_bits,
    stops_when_asked,
    resumed_equals_uninterrupted,
    refuses_to_train_on_nothing,
    works_offline,
    leaves_surroundings_alone,
)
