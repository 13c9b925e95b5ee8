"""The contract of searchers: pure, and within the space."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from clsfw.contract.parts import ChecksSpace, Range, Trial
from clsfw.errors import ContractError
from clsfw.studies.space import holds
from clsfw.testing.surroundings import no_network, require_left_alone

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.contract.parts import Searcher
    from clsfw.testing.subject import Subject

_TRIALS = 12
_SPACES: tuple[Mapping[str, Range], ...] = (
    {"trainer.learning_rate": Range(1e-5, 1e-1, log=True), "trainer.batch_size": Range(choices=(16, 32, 64))},
    {"model.max_length": Range(64, 256, step=64), "trainer.warmup": Range(0.0, 0.3)},
    {"model.layers": Range(1, 6), "model.ngram_range": Range(choices=([1, 1], [1, 2]))},
)
_SEED = 7


def proposes_within_the_space(subject: Subject[Searcher]) -> None:
    """Every setting gets a value that its range holds, trial after trial."""
    for space in _spaces(subject):
        for trial in _searched(subject, space):
            for name, value in trial.values.items():
                if not holds(space[name], value):
                    raise ContractError(f"{subject}: it proposes {name} = {value!r}, which {space[name]} does not hold")


def same_trials_same_proposal(subject: Subject[Searcher]) -> None:
    """Asked again, by a newly built searcher, it proposes the same: so an interrupted search goes on."""
    for space in _spaces(subject):
        trials = _searched(subject, space)
        for trial in reversed(trials):  # a counter within it would count otherwise
            again = subject.build().ask(space, trials[: trial.number - 1], trial.number, _SEED)
            if again != trial.values:
                raise ContractError(
                    f"{subject}: trial {trial.number} is {dict(trial.values)!r}, and asked again {again!r}; "
                    "a proposal may hang on its arguments alone"
                )


def bears_a_trial_without_a_score(subject: Subject[Searcher]) -> None:
    """Where training diverged it goes on, also if it did so every time."""
    for space in _spaces(subject):
        _searched(subject, space, scores=[None] * _TRIALS)


def leaves_its_arguments_alone(subject: Subject[Searcher]) -> None:
    """The space and the finished trials are as they were."""
    for space in _spaces(subject):
        given, trials = dict(space), _searched(subject, space)
        kept = list(trials)
        with suppress(StopIteration):
            subject.build().ask(given, trials, len(trials) + 1, _SEED)
        if given != dict(space) or trials != kept:
            raise ContractError(f"{subject}: it changes the space or the finished trials; work on a copy")


def works_offline(subject: Subject[Searcher]) -> None:
    """It needs no network."""
    with no_network():
        _searched(subject, _SPACES[0])


def leaves_surroundings_alone(subject: Subject[Searcher]) -> None:
    """Asking changes neither the working directory nor global random numbers."""
    require_left_alone(subject, lambda: _searched(subject, _SPACES[0]))


def _spaces(subject: Subject[Searcher]) -> list[Mapping[str, Range]]:
    """Return the spaces that the searcher takes with so many trials."""
    settings = subject.settings()
    if not isinstance(settings, ChecksSpace):
        return list(_SPACES)
    return [space for space in _SPACES if not list(settings.check_space(space, _TRIALS))]


def _searched(
    subject: Subject[Searcher], space: Mapping[str, Range], scores: Sequence[float | None] | None = None
) -> list[Trial]:
    """Search with made-up scores, one of which is missing; return the trials."""
    told = scores or [None if number == 3 else ((number * 37) % 11) / 11 for number in range(1, _TRIALS + 1)]  # noqa: PLR2004  # any of them
    searcher: Any = subject.build()
    trials: list[Trial] = []
    for number, score in enumerate(told, start=1):
        values = searcher.ask(space, list(trials), number, _SEED)
        if values is None:
            break
        trials.append(Trial(number, values, score))
    if not trials:
        raise ContractError(f"{subject}: it proposes nothing for {dict(space)!r}")
    return trials


CHECKS = (
    proposes_within_the_space,
    same_trials_same_proposal,
    bears_a_trial_without_a_score,
    leaves_its_arguments_alone,
    works_offline,
    leaves_surroundings_alone,
)
