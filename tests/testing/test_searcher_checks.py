"""The checks of searchers find what breaks the contract, and pass what keeps it."""

from __future__ import annotations

import random

import pytest

from clsfw import Component, Settings
from clsfw.errors import ContractError
from clsfw.testing import check_searcher


class Low:
    """Proposes the first value of everything."""

    def ask(self, space, finished, number, seed):
        return {name: within.choices[0] if within.choices else within.low for name, within in space.items()}


class Forgetful(Low):
    """Remembers what it was asked, beside its arguments."""

    asked = 0

    def ask(self, space, finished, number, seed):
        Forgetful.asked += 1
        pick = Forgetful.asked % 2
        return {n: w.choices[pick] if w.choices else (w.low, w.high)[pick] for n, w in space.items()}


class Outside(Low):
    def ask(self, space, finished, number, seed):
        return {**super().ask(space, finished, number, seed), next(iter(space)): 10**9}


class Partial(Low):
    def ask(self, space, finished, number, seed):
        return dict(list(super().ask(space, finished, number, seed).items())[1:])


class Hopeful(Low):
    def ask(self, space, finished, number, seed):
        assert all(trial.score >= 0 for trial in finished)
        return super().ask(space, finished, number, seed)


class Greedy(Low):
    def ask(self, space, finished, number, seed):
        finished.clear()
        return super().ask(space, finished, number, seed)


class Global(Low):
    def ask(self, space, finished, number, seed):
        random.seed(seed)
        random.random()
        return super().ask(space, finished, number, seed)


def component(part):
    return Component(name="tried", summary="a searcher", settings=Settings, build=lambda _: part())


def test_a_sound_one_passes():
    check_searcher(component(Low))


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Forgetful, "a proposal may hang on its arguments alone"),
        (Outside, "does not hold"),
        (Partial, "must propose a value for each of"),
        (Hopeful, "failed in ask"),
        (Greedy, "it changes the space or the finished trials"),
        (Global, "random"),
    ],
)
def test_each_breach_is_told(part, told):
    with pytest.raises(ContractError) as caught:
        check_searcher(component(part))

    assert told in str(caught.value)
