"""Each check of metrics lets a sound one pass, and fails a metric that is bad in just its way."""

from __future__ import annotations

import itertools
import os
import random
import socket

import numpy as np
import pytest

import clsfw
from clsfw.errors import ContractError, DataError
from clsfw.testing import metric_checks
from clsfw.testing.harness import PlainScores
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject


class Settings(clsfw.Settings):
    def score_names(self):
        return {"accuracy": True}


def subject(compute, settings=clsfw.Settings):
    metric = type("Metric", (), {"compute": staticmethod(compute)})
    return Subject("metric", clsfw.Component(name="great", summary="s", settings=settings, build=lambda _: metric()))


def accuracy(outcome):
    return {"accuracy": float((outcome.references == outcome.predictions).mean())}


def gives_text(outcome):
    return {"accuracy": f"{accuracy(outcome)['accuracy']:.2%}"}


def gives_nothing(outcome):
    return {}


def gives_one_number(outcome):
    return accuracy(outcome)["accuracy"]


def renames_with_the_classes(outcome):
    return {f"accuracy_{n}": 1.0 for n in range(len(outcome.labels.names))}


def one_column_only(outcome):
    return {"share": float([1, 2, 3][outcome.predictions.ndim]) / (2 - outcome.predictions.ndim)}


def divides_by_the_rarest(outcome):
    counts = [(outcome.references == n).sum() for n in range(len(outcome.labels.names))]
    return {"balance": float(max(counts) / min(counts))}


def needs_a_variance(outcome):
    return {"spread": float(outcome.probabilities[:, 0].var(ddof=1))}


_NUMBERS = itertools.count()


def counts_its_calls(outcome):
    return {"accuracy": accuracy(outcome)["accuracy"] + next(_NUMBERS)}


def sorts_in_place(outcome):
    result = accuracy(outcome)
    outcome.predictions.sort()
    return result


def adds_a_score(outcome):
    return {**accuracy(outcome), "accuracy_NEGATIVE": 1.0, "share": 1.0}


def mistakes(outcome):
    return {"accuracy": 1 - accuracy(outcome)["accuracy"]}


def precision(outcome):
    return {"precision": 1.0}


def calls_home(outcome):
    socket.getaddrinfo("localhost", 80)
    return accuracy(outcome)


def draws_a_number(outcome):
    random.random()
    return accuracy(outcome)


def walks_away(outcome):
    os.chdir("/")
    return accuracy(outcome)


BAD = [
    (metric_checks.scores_two_classes, gives_text, "must give plain numbers, but 'accuracy' is str"),
    (metric_checks.scores_two_classes, gives_nothing, "it gives no score"),
    (metric_checks.scores_two_classes, gives_one_number, "must give a mapping of names to numbers, not float"),
    (metric_checks.scores_three_classes, renames_with_the_classes, "the score names change with the classes"),
    (metric_checks.scores_several_labels, one_column_only, "ZeroDivisionError"),
    (metric_checks.scores_a_class_that_is_missing, divides_by_the_rarest, "not a finite number"),
    (metric_checks.scores_one_text, needs_a_variance, "not a finite number"),
    (metric_checks.same_scores_every_time, counts_its_calls, "the same outcome gives"),
    (metric_checks.leaves_the_outcome_alone, sorts_in_place, "it changes outcome.predictions in place"),
    (metric_checks.keeps_its_word_on_score_names, mistakes, "all right gives 0.0 and all wrong gives 1.0"),
    (metric_checks.keeps_its_word_on_score_names, precision, "lists 'accuracy', but it gives precision"),
    (metric_checks.keeps_its_word_on_score_names, adds_a_score, "gives 'share', but score_names.. does not list it"),
    (metric_checks.works_offline, calls_home, "Network is unreachable"),
    (metric_checks.leaves_surroundings_alone, draws_a_number, "changes the random numbers of Python's random"),
    (metric_checks.leaves_surroundings_alone, walks_away, "changes the working directory"),
]


@pytest.mark.parametrize("check", metric_checks.CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize(
    ("good", "settings"), [(accuracy, Settings), (PlainScores().compute, clsfw.Settings)], ids=["accuracy", "plain"]
)
def test_a_sound_metric_passes(check, good, settings):
    Check(subject(good, settings), check)()


@pytest.mark.filterwarnings("ignore:divide by zero encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:Degrees of freedom <= 0 for slice:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(("check", "bad", "words"), BAD, ids=[bad.__name__ for _, bad, _ in BAD])
def test_a_bad_metric_fails(check, bad, words):
    with pytest.raises(ContractError, match=words) as caught:
        Check(subject(bad, Settings), check)()

    assert "metric 'great'" in str(caught.value)


def test_every_check_has_a_bad_metric():
    assert set(metric_checks.CHECKS) == {check for check, _, _ in BAD}


def test_a_metric_may_refuse_several_labels():
    def one_label_only(outcome):
        if outcome.labels.multi_label:
            raise DataError("one label per text only")
        return accuracy(outcome)

    Check(subject(one_label_only), metric_checks.scores_several_labels)()


def test_the_authors_line_is_named_and_not_that_of_the_library_below_it():
    def asks_too_much(outcome):
        return {"corner": float(np.linalg.inv(outcome.probabilities[:1, :1] * 0)[0, 0])}

    line = asks_too_much.__code__.co_firstlineno + 1
    with pytest.raises(ContractError, match=rf"LinAlgError: Singular matrix \(.*test_metric_checks.py:{line}\)"):
        Check(subject(asks_too_much), metric_checks.scores_two_classes)()


@pytest.mark.parametrize(
    ("given", "words"),
    [({"x": 10**400}, "gives 'x' = inf"), ({"": 1.0}, "names a score ''"), ({"a\nb": 1.0}, r"names a score 'a\\nb'")],
)
def test_what_a_run_refuses_the_kit_refuses(given, words):
    with pytest.raises(ContractError, match=f"^metric 'great' {words}"):
        Check(subject(lambda _: given), metric_checks.scores_two_classes)()
