"""The contract of models; a model is tried together with a trainer that can train it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.parts import TorchClassifier
from clsfw.discovery.parts import takes_pairs
from clsfw.errors import ContractError, DataError, ModelError, TrainingError
from clsfw.kit import texts_of
from clsfw.testing.harness import create, predict, saved_and_loaded, saved_files, train
from clsfw.testing.samples import ODD_TEXTS, SEVERAL, THREE, TWO, toy_pairs, toy_splits
from clsfw.testing.surroundings import no_network, require_left_alone

if TYPE_CHECKING:
    from clsfw.contract.parts import Classifier, Labels, Model, TokenizedTexts
    from clsfw.testing.subject import Subject


def keeps_the_label_names(subject: Subject[Model]) -> None:
    """The classifier has the labels that it was created for, also after it was saved and loaded."""
    for labels in (TWO, THREE):
        classifier = _trained(subject, labels)
        if classifier.labels != labels:
            raise ContractError(f"{subject}: created for {labels}, it has {classifier.labels}")
        loaded = saved_and_loaded(subject, classifier)
        if loaded.labels != labels:
            raise ContractError(f"{subject}: saved with {labels}, it comes back with {loaded.labels}")


def same_seed_same_bits(subject: Subject[Model]) -> None:
    """Two classifiers created with the same seed are saved as the same bytes."""
    data = toy_splits(TWO)
    first, second = (saved_files(create(subject, TWO, data)) for _ in range(2))
    differing = [name for name in sorted({*first, *second}) if first.get(name) != second.get(name)]
    if differing:
        raise ContractError(f"{subject}: created twice with one seed, it differs in {', '.join(differing)}")


def saved_and_loaded_it_predicts_the_same(subject: Subject[Model]) -> None:
    """What `load` returns predicts, bit for bit, what the saved classifier predicted."""
    classifier = _trained(subject, TWO)
    loaded = saved_and_loaded(subject, classifier)
    texts = [*toy_splits(TWO)["test"]["text"], *ODD_TEXTS.values()]
    before, after = (predict(_partner(subject), c, texts) for c in (classifier, loaded))
    for name in ("probabilities", "tokens", "truncated"):
        if not np.array_equal(getattr(before, name), getattr(after, name)):
            raise ContractError(f"{subject}: after it was saved and loaded, {name} differ; save all that decides them")


def saves_plain_files(subject: Subject[Model]) -> None:
    """It saves plain files: no link, and no pickle, since loading one runs whatever code it holds."""
    with TemporaryDirectory(prefix="clsfw-") as folder:
        subject.build().save(_trained(subject, TWO), Path(folder))


def counts_its_parameters(subject: Subject[Model]) -> None:
    """`parameters` gives the number of all parameters, and of those that are trained."""
    total, trainable = create(subject, TWO, toy_splits(TWO)).parameters()
    if not (isinstance(total, int) and isinstance(trainable, int) and 0 <= trainable <= total):
        raise ContractError(f"{subject}: parameters() gives {(total, trainable)!r}; give all and the trainable ones")


def takes_odd_texts(subject: Subject[Model]) -> None:
    """Empty texts, any script, and 10,000 words are predicted like any other text."""
    classifier = _trained(subject, TWO)
    for what, text in ODD_TEXTS.items():
        try:
            predict(_partner(subject), classifier, [text])
        except Exception as exc:
            raise ContractError(f"{subject}: {what} cannot be predicted: {subject.told(exc)}") from exc


def takes_three_classes(subject: Subject[Model]) -> None:
    """Three classes are trained and predicted."""
    predict(_partner(subject), _trained(subject, THREE), ["sign1", "sign2"])


def takes_several_labels(subject: Subject[Model]) -> None:
    """Several labels per text are trained and predicted, or refused by an error that says so."""
    try:
        classifier = _trained(subject, SEVERAL)
    except (DataError, ModelError, TrainingError):
        return
    if saved_and_loaded(subject, classifier).labels != SEVERAL:
        raise ContractError(f"{subject}: saved with several labels per text, it comes back with one")
    predict(_partner(subject), classifier, ["sign1 sign2"])


def refuses_a_folder_that_it_did_not_save(subject: Subject[Model]) -> None:
    """`load` of an empty folder is a `ModelError`."""
    with TemporaryDirectory(prefix="clsfw-") as folder:
        try:
            subject.build().load(Path(folder))
        except ModelError:
            return
        except Exception as exc:
            raise ContractError(
                f"{subject}: load() of an empty folder must be a ModelError, not {subject.told(exc)}"
            ) from exc
    raise ContractError(f"{subject}: load() of an empty folder gives a classifier; raise ModelError")


def tokenizes_as_torch_trainers_need(subject: Subject[Model]) -> None:
    """A torch model cuts at its longest input or has windows, counts whole texts, and names its tokenization."""
    classifier: Any = create(subject, TWO, toy_splits(TWO))
    if not isinstance(classifier, TorchClassifier):
        return
    texts = ["sign1 word2", *ODD_TEXTS.values()]
    found = classifier.tokenize(texts)
    lengths = np.array([len(ids) for ids in found.ids])
    windows = getattr(classifier, "windows", None)
    if windows is not None:
        _require_whole_texts(subject, classifier, windows, found)
    elif len(lengths) != len(texts) or lengths.max() > classifier.max_length:
        raise ContractError(f"{subject}: tokenize() must give one list per text, none longer than max_length")
    if not np.array_equal(np.asarray(found.truncated), np.asarray(found.tokens) > lengths):
        raise ContractError(
            f"{subject}: truncated must be where tokens, the length of the whole text, is over len(ids)"
        )
    if classifier.tokenizer_key() != saved_and_loaded(subject, classifier).tokenizer_key():  # type: ignore[attr-defined]  # what it was before saving
        raise ContractError(f"{subject}: tokenizer_key() changes when the model is saved and loaded")
    strange = [
        n for n, p in classifier.module.named_parameters() if str(p.dtype) != "torch.float32" or p.device.type != "cpu"
    ]
    if strange:
        raise ContractError(
            f"{subject}: parameters must be float32 on the CPU until a trainer moves them: {strange[0]}"
        )


def _require_whole_texts(subject: Subject[Model], classifier: Any, windows: Any, found: TokenizedTexts) -> None:
    """See that a model with windows cuts no text, and reads each in windows that are not longer than it takes."""
    lengths = np.array([len(ids) for ids in found.ids])
    cut = windows.cut(lengths)
    if np.any(found.truncated) or cut.lengths.max() > classifier.max_length or len(cut.counts) != len(lengths):
        raise ContractError(
            f"{subject}: with windows, tokenize() must cut no text, and no window may be longer than max_length"
        )
    rows = [np.asarray(ids, dtype=np.int64)[None] for ids in found.ids]
    longest = max(rows, key=lambda row: row.shape[1])  # [1, L]
    import torch

    with torch.inference_mode():
        ids = torch.from_numpy(longest)
        logits = classifier.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    if logits.shape != (1, len(TWO.names)):
        raise ContractError(f"{subject}: with windows, module must give one row of logits for a text of any length")


def takes_pairs_if_it_says_so(subject: Subject[Model]) -> None:
    """With `takes_pairs`, pairs of texts are trained, predicted and, by a torch model, tokenized side by side."""
    partner = _partner(subject)
    if not (takes_pairs(subject.build().part) and takes_pairs(partner.build().part)):
        return
    data = toy_pairs()
    classifier: Any = train(partner, subject, TWO, data).classifier
    if not takes_pairs(classifier):
        raise ContractError(f"{subject}: it says takes_pairs, and its classifier does not")
    pairs: Any = [
        *texts_of(data["test"]),
        ("sign1", "sign2"),
        ("sign2", "sign1"),
        *((odd, odd) for odd in ODD_TEXTS.values()),
    ]
    before, after = (predict(partner, c, pairs) for c in (classifier, saved_and_loaded(subject, classifier)))
    if not np.array_equal(before.probabilities, after.probabilities):
        raise ContractError(f"{subject}: after it was saved and loaded, it predicts pairs of texts differently")
    if isinstance(classifier, TorchClassifier):
        found = classifier.tokenize(pairs)
        lengths = [len(ids) for ids in found.ids]
        if len(lengths) != len(pairs) or max(lengths) > classifier.max_length:
            raise ContractError(f"{subject}: tokenize() must give one list per pair, none longer than max_length")
        if found.types is not None and [len(types) for types in found.types] != lengths:
            raise ContractError(f"{subject}: tokenize() must give as many types as ids for each pair")
        if found.lost is not None and not np.array_equal(np.sum(found.lost, axis=1), found.tokens - lengths):
            raise ContractError(f"{subject}: lost must say how many tokens each text of a pair lost")


def works_offline(subject: Subject[Model]) -> None:
    """With the settings to try it with, it needs no network."""
    with no_network():
        create(subject, TWO, toy_splits(TWO))


def leaves_surroundings_alone(subject: Subject[Model]) -> None:
    """Creating, saving and loading change neither the working directory nor global random numbers."""

    def work() -> None:
        saved_and_loaded(subject, create(subject, TWO, toy_splits(TWO)))

    require_left_alone(subject, work)


def _partner(subject: Subject[Model]) -> Subject[Any]:
    if subject.partner is None:
        raise ContractError(f"{subject}: no trainer was given, and none that is installed can train it")
    return subject.partner


def _trained(subject: Subject[Model], labels: Labels) -> Classifier:
    classifier: Classifier = train(_partner(subject), subject, labels, toy_splits(labels)).classifier
    return classifier


CHECKS = (
    keeps_the_label_names,
    same_seed_same_bits,
    saved_and_loaded_it_predicts_the_same,
    saves_plain_files,
    counts_its_parameters,
    takes_odd_texts,
    takes_three_classes,
    takes_several_labels,
    refuses_a_folder_that_it_did_not_save,
    tokenizes_as_torch_trainers_need,
    takes_pairs_if_it_says_so,
    works_offline,
    leaves_surroundings_alone,
)
