"""`optuna`: pure, within the space, better than chance, and told where its package is missing."""

from __future__ import annotations

import logging
import math

import pytest

from clsfw import Range, Trial
from clsfw.studies.space import holds
from clsfw.testing import check_searcher
from clsfw_optuna import register_searchers
from clsfw_optuna.searcher import OptunaSearcher, distribution

SPACE = {
    "rate": Range(1e-5, 1e-1, log=True),
    "words": Range(choices=([1, 1], [1, 2])),
    "length": Range(64, 250, step=64),
    "warmup": Range(0.0, 1.0, step=0.3),
    "layers": Range(1, 9),
}


def searched(sampler="tpe", trials=25, seed=3, startup=5):
    """Search for a rate of 0.001; every seventh trial diverges."""
    done = []
    for number in range(1, trials + 1):
        values = OptunaSearcher(sampler, startup).ask(SPACE, done, number, seed)
        score = None if number % 7 == 0 else -((math.log10(values["rate"]) + 3) ** 2)
        done.append(Trial(number, values, score))
    return done


class TestAsk:
    @pytest.mark.parametrize(("sampler", "trials"), [("tpe", 20), ("gp", 8)])
    def test_it_is_pure_and_within_the_space(self, sampler, trials):
        done = searched(sampler, trials)

        for trial in done:
            assert all(holds(within, trial.values[name]) for name, within in SPACE.items())
            again = OptunaSearcher(sampler, 5).ask(SPACE, done[: trial.number - 1], trial.number, 3)
            assert trial.values == again

    def test_it_learns(self):
        """Optuna's own study, told the same, would propose the same kind of values: those near the best so far."""
        done = [abs(math.log10(trial.values["rate"]) + 3) for trial in searched(trials=40)]

        assert sum(done[-10:]) < sum(done[:10])

    def test_another_seed_is_another_search(self):
        assert searched(trials=2)[0].values != searched(trials=2, seed=4)[0].values

    def test_steps_and_lists_are_what_the_space_holds(self):
        values = [trial.values for trial in searched(trials=30)]

        assert {64, 128, 192} == {value["length"] for value in values}
        assert {"[1, 1]", "[1, 2]"} == {str(value["words"]) for value in values}

    def test_its_log_is_as_before(self, caplog):
        level = logging.getLogger("optuna").level

        searched(trials=2)

        assert level == logging.getLogger("optuna").level
        assert not caplog.records


class TestDistribution:
    @pytest.mark.parametrize("name", SPACE)
    def test_it_has_both_ends(self, name):
        assert distribution(SPACE[name]).single() is False

    def test_a_range_of_factors_is_one_for_optuna(self):
        assert distribution(SPACE["rate"]).log


SEARCH = """
[study]
seeds = 2

[study.search]
use = "optuna"
trials = 4
metric = "f1"
n_startup_trials = 2

[study.space]
"trainer.steps" = { low = 1, high = 30 }
"""


class TestStudy:
    @pytest.fixture
    def recipe(self, toy):
        old = 'method = "in-order"\ntrain = 12\nvalidation = 4\ntest = 4'
        file = toy((old, old))
        file.write_text(f"{file.read_text()}\n{SEARCH}")
        return file

    def test_going_on_is_asking_again(self, recipe, cli, tmp_path):
        cli("study", recipe, "--out", "s")
        first = (tmp_path / "s/study.json").read_bytes()
        for name in ("study.json", "trials/trial-0004.json", "trials/trial-0003.json"):
            (tmp_path / "s" / name).unlink()

        assert 0 == cli("study", recipe, "--out", "s").code
        assert first == (tmp_path / "s/study.json").read_bytes()

    def test_without_its_package_it_is_told_with_its_line(self, recipe, cli, monkeypatch):
        monkeypatch.setattr("clsfw_optuna.find_spec", lambda _: None)

        answer = cli("study", recipe)

        assert 2 == answer.code
        assert 'needs the package optuna, which is not installed: pip install "clsfw[optuna]"' in answer.told
        assert "recipe.toml:" in answer.told

    def test_a_sampler_that_it_does_not_have(self, recipe, cli):
        recipe.write_text(recipe.read_text().replace("n_startup_trials = 2", 'sampler = "cma"'))

        assert "search.sampler: must be one of 'tpe' or 'gp', not the text 'cma'" in cli("study", recipe).told


def test_it_keeps_the_contract_of_searchers():
    (component,) = register_searchers()

    check_searcher(component, {"n_startup_trials": 2})
