"""Optuna's samplers as a pure function: a study of its own, with the trials so far, answers each question."""

from __future__ import annotations

import logging
import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.trial import TrialState, create_trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw import Range, Trial


class OptunaSearcher:
    """Asks a sampler that is built again for each proposal, so that nothing but the arguments decides."""

    def __init__(self, sampler: str, n_startup_trials: int) -> None:
        self._sampler = sampler
        self._startup = n_startup_trials

    def ask(self, space: Mapping[str, Range], finished: Sequence[Trial], number: int, seed: int) -> dict[str, Any]:
        """Return the values of a trial; those that diverged count as tried, without a score."""
        ways = {name: distribution(within) for name, within in space.items()}
        with _quiet():
            study = optuna.create_study(direction="maximize", sampler=self._made(seed, number))
            for trial in finished:
                study.add_trial(
                    create_trial(
                        state=TrialState.FAIL if trial.score is None else TrialState.COMPLETE,
                        value=trial.score,
                        params={name: _inner(within, trial.values[name]) for name, within in space.items()},
                        distributions=dict(ways),
                    )
                )
            asked = study.ask(dict(ways))
        return {name: _outer(within, asked.params[name]) for name, within in space.items()}

    def _made(self, seed: int, number: int) -> BaseSampler:
        # A stream for each trial; the legacy generator's numbers are the same with every numpy.
        own = int(np.random.RandomState([seed, number]).randint(2**31))
        if self._sampler == "gp":
            return GPSampler(seed=own, n_startup_trials=self._startup)
        return TPESampler(seed=own, n_startup_trials=self._startup)


def distribution(within: Range) -> BaseDistribution:
    """Return a range as Optuna writes it.

    A choice is its place in the list, since lists may be choices here; a step is its number, since decimals do not add
    up exactly.
    """
    if within.choices:
        return CategoricalDistribution(tuple(range(len(within.choices))))
    low, high = within.low, within.high
    if low is None or high is None:
        raise ValueError("a range without choices has a low and a high end")
    whole = isinstance(low, int) and isinstance(high, int)
    if within.step is not None:
        return IntDistribution(0, math.floor((high - low) / within.step + 1e-9))
    if whole:
        return IntDistribution(int(low), int(high), log=within.log)
    return FloatDistribution(float(low), float(high), log=within.log)


def _inner(within: Range, value: Any) -> Any:
    if within.step is not None and within.low is not None:
        return round((value - within.low) / within.step)
    if not within.choices:
        return value
    same = (i for i, choice in enumerate(within.choices) if choice == value and type(choice) is type(value))
    return next(same)


def _outer(within: Range, value: Any) -> Any:
    if within.choices:
        return within.choices[value]
    low, high = within.low, within.high
    if low is None or high is None:
        raise ValueError("a range without choices has a low and a high end")
    if within.step is not None:
        value = low + within.step * value
    return min(max(value, low), high)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's log lines and its warnings of experimental parts away; both are as before afterwards."""
    log = logging.getLogger("optuna")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        log.setLevel(level)
