"""A search: on validation, with the test split closed until the values are chosen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.evidence.finished import FinishedRun
from clsfw.studies.content import FinishedStudy
from clsfw.studies.execute import carry_out
from clsfw.studies.plan import make_study
from clsfw_sklearn.counted import Counted

SEARCH = """
[study]
seeds = 2

[study.search]
use = "random"
trials = 3
metric = "f1"

[study.space]
"trainer.steps" = { low = 1, high = 30 }
"""

SPY = '''
import clsfw
import json
import os


class Spying(clsfw.Watcher):
    def on_run_start(self, run):
        self.tell(run, {split: sorted(rows["row"]) for split, rows in run.data.items()})

    def on_evaluate(self, run, split, scores):
        self.tell(run, {split: "evaluated"})

    def tell(self, run, seen):
        with open(os.environ["SPIED"], "a") as file:
            file.write(json.dumps([run.directory.name, seen]) + "\\n")


class Grumpy:
    """A searcher that fails until a file is there, and asks for values that diverge."""

    def ask(self, space, finished, number, seed):
        if number == 2 and not os.path.exists("mended"):
            raise RuntimeError("not today")
        return {name: (13, 4, 2)[number - 1] for name in space}


@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="spy", summary="writes down", settings=clsfw.Settings, build=lambda _: Spying())]


@clsfw.hookimpl
def register_searchers():
    return [clsfw.Component(name="grumpy", summary="fails", settings=clsfw.Settings, build=lambda _: Grumpy())]


@clsfw.hookimpl
def register_trainers():
    return [clsfw.Component(name="unlucky", summary="diverges", settings=Steps, build=lambda s: Unlucky(s.steps))]


class Steps(clsfw.Settings):
    """How many."""

    steps: int = 4


def Unlucky(steps):
    from clsfw.testing import ToyTrainer

    class Trainer(ToyTrainer):
        def fit(self, model, data, run):
            if self.steps == 13:
                raise clsfw.TrainingError("the loss is not finite")
            super().fit(model, data, run)

    return Trainer(steps=steps)
'''


@pytest.fixture
def spy(install, tmp_path, monkeypatch):
    install("spying", SPY)
    monkeypatch.setenv("SPIED", str(tmp_path / "spied.jsonl"))
    return lambda: [json.loads(line) for line in (tmp_path / "spied.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def searched_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("searched") / "s"


@pytest.fixture
def searched(study, searched_folder):
    """Give a finished study; it is carried out once."""
    return carry_out(make_study(study(SEARCH), [], discover()), out=searched_folder)


class TestClosed:
    def test_no_part_sees_a_test_row_before_the_values_are_chosen(self, study, spy, tmp_path) -> None:
        carry_out(make_study(study(SEARCH, '[[watchers]]\nuse = "spy"'), [], discover()), out=tmp_path / "s")

        told = spy()
        final = {row for name, seen in told if name.startswith("own") for row in seen.get("test", [])}
        trials = [(name, seen) for name, seen in told if name.startswith("trial")]
        at = next(i for i, (name, _) in enumerate(told) if not name.startswith("trial"))
        assert 30 == len(final - set("evaluated"))
        assert {"trial-0001", "trial-0002", "trial-0003"} == {name for name, _ in trials}
        assert all(name.startswith("trial") for name, _ in told[:at])
        for _, seen in trials:
            assert "test" not in seen
            rows = {row for found in seen.values() if found != "evaluated" for row in found}
            assert not rows & (final - set("evaluated"))

    def test_a_trials_directory_holds_no_test_prediction(self, searched) -> None:
        for number in (1, 2, 3):
            run = FinishedRun.read(searched.directory / f"runs/trial-000{number}")

            assert {"train", "validation"} == set(run.record["data"]["splits"])
            assert "test" not in run.metrics
            validation = FinishedRun.read(searched.directory / "runs/own-8").record["data"]["splits"]["validation"]
            assert validation["sha256"] == run.record["data"]["splits"]["validation"]["sha256"]

    def test_a_trial_is_reproduced_without_opening_it(self, searched, cli) -> None:
        path = searched.directory / "runs/trial-0001"
        answer = cli("reproduce", path, "--out", "again")

        assert 0 == answer.code, answer.told
        assert "test" not in FinishedRun.read("again").metrics


class TestResult:
    def test_the_best_trial_is_chosen_and_written_down(self, searched) -> None:
        trials = searched.record["search"]["trials"]
        best = max(trials, key=lambda trial: trial["score"])

        assert 3 == len(trials)
        assert best == searched.record["search"]["chosen"]
        assert best == json.loads((searched.directory / "chosen.json").read_text())

    def test_chosen_and_own_values_run_under_fresh_seeds_on_the_same_rows(self, searched) -> None:
        runs = {run["run"]: run for run in searched.record["runs"]}

        assert ["chosen-8", "chosen-9", "own-8", "own-9"] == list(runs)
        assert 1 == len({json.dumps(run.record["fixed"]["data"]) for run in searched.runs})
        steps = searched.record["search"]["chosen"]["values"]["trainer.steps"]
        assert [steps, steps, 8, 8] == [run.record["fixed"]["recipe"]["trainer"]["steps"] for run in searched.runs]

    def test_gain_and_optimism_are_those_of_the_runs(self, searched) -> None:
        search = searched.record["search"]
        test = [run.metrics["test"]["f1"] for run in searched.runs]
        validation = [run.metrics["validation"]["f1"] for run in searched.runs]

        assert (test[0] + test[1] - test[2] - test[3]) / 2 == pytest.approx(search["gain"]["mean"])
        low, high = search["gain"]["interval"]
        assert low <= search["gain"]["mean"] <= high
        assert search["chosen"]["score"] - sum(validation[:2]) / 2 == pytest.approx(search["optimism"]["difference"])

    def test_tables(self, searched) -> None:
        assert ["chosen", "chosen", "own", "own"] == list(searched.to_pandas()["values"])
        assert ["number", "score", "trainer.steps"] == list(searched.trials_to_pandas().columns)

    def test_the_summary_says_it(self, searched, study, cli) -> None:
        told = cli("study", study(SEARCH), "--out", searched.directory).out

        assert "chosen: steps " in told
        assert "points of f1 on test (95 %" in told
        assert "under fresh seeds the same values have" in told


class TestGoingOn:
    def test_a_trial_that_diverges_has_no_score_and_what_must_be_mended_can_be(self, study, spy, cli) -> None:
        recipe = study(SEARCH.replace('"random"', '"grumpy"'))
        recipe.write_text(recipe.read_text().replace('use = "toy"\n\n[[', 'use = "unlucky"\nsteps = 5\n\n[['))

        stopped = cli("study", recipe, "--out", "s")
        assert 4 == stopped.code
        assert "failed in ask of searcher 'grumpy': RuntimeError: not today" in stopped.told
        assert "diverged" in stopped.out
        Path("mended").touch()
        assert 0 == cli("study", recipe, "--out", "s").code

        trials = FinishedStudy.read("s").record["search"]["trials"]
        assert [None, True, True] == [trial["score"] and True for trial in trials]
        assert "the loss is not finite" in trials[0]["error"]

    def test_a_searcher_that_changes_its_mind_is_refused(self, study, cli) -> None:
        recipe = study(SEARCH)
        cli("study", recipe, "--out", "s")
        for name in ("s/study.json", "s/chosen.json"):
            Path(name).unlink()
        record = json.loads(Path("s/trials/trial-0002.json").read_text())
        record["values"]["trainer.steps"] += 1
        Path("s/trials/trial-0002.json").write_text(json.dumps(record))

        answer = cli("study", recipe, "--out", "s")

        assert 6 == answer.code
        assert "was changed, or hangs on something else than its arguments" in answer.told


MISTAKES = [
    ('use = "random"', 'use = "randon"', "29:7: [study] search.use: unknown searcher 'randon'; did you mean 'random'?"),
    ('use = "random"', "", "missing key 'use': it names the searcher, one of "),
    ('use = "random"', 'use = "toy"', "'toy' is a model, not a searcher"),
    ("trials = 3", "trials = 0", "30:10: [study] search.trials: must be at least 1, not 0"),
    ("trials = 3", "trails = 3", "[study] search.trails: unknown key; did you mean 'trials'?"),
    ("trials = 3", 'trials = 3\npoints = "x"', "search.points: unknown key"),
    ('metric = "f1"', 'metric = "f2"', "31:10: [study] search.metric: no metric of this recipe gives 'f2'"),
    ('metric = "f1"', 'metric = "test"', "the test split stays closed until the values are chosen"),
    ('metric = "f1"', 'metric = "test_f1"', "the test split stays closed until the values are chosen"),
    ('"trainer.steps"', '"trainer.step"', "34:18: [study] space.trainer.step: 1 is refused: unknown key"),
    ('"trainer.steps"', '"trainer.use"', "space.trainer.use: cannot be searched"),
    ('"trainer.steps"', '"seed"', 'write a setting of model or trainer in quotes, as in "trainer.learning_rate"'),
    (
        '"trainer.steps"',
        "trainer.steps",
        'write a setting of model or trainer in quotes, as in "trainer.learning_rate"',
    ),
    ("{ low = 1, high = 30 }", "{ low = 1, high = 30.5 }", "1.0 is refused: must be a whole number"),
    ("{ low = 1, high = 30 }", "{ low = 30, high = 1 }", "low must be less than high, not 30 and 1"),
    ("{ low = 1, high = 30 }", "{ low = 0, high = 30, log = true }", "log needs a low above 0 and no step"),
    ("{ low = 1, high = 30 }", "{ low = 1 }", "give low and high, or choices"),
    ("{ low = 1, high = 30 }", "{ choices = [] }", "must not be an empty list"),
    ("{ low = 1, high = 30 }", '{ choices = [3, "x"] }', "the text 'x' is refused: must be"),
    ("{ low = 1, high = 30 }", "{ low = 1, hihg = 30 }", "hihg: unknown key; did you mean 'high'?"),
    ("{ low = 1, high = 30 }", "3", "must be { low = ..., high = ... } or { choices = [...] }"),
    ("seeds = 2", "seeds = [6, 7]", "26:9: [study] seeds: 7 is the seed of the trials; the final runs need fresh ones"),
    ('use = "random"', 'use = "grid"\npoints = 4', "the grid has 4 parts, more than 3 trials"),
]


class TestMistakes:
    @pytest.mark.parametrize(("old", "new", "told"), MISTAKES, ids=[told[-40:] for *_, told in MISTAKES])
    def test_each_is_told_before_anything_runs(self, cli, study, tmp_path, old, new, told) -> None:
        assert 1 == SEARCH.count(old)

        answer = cli("study", study(SEARCH.replace(old, new)))

        assert 2 == answer.code
        assert told in answer.told
        assert not (tmp_path / "studies").exists()

    @pytest.mark.parametrize("missing", ["validation", "test"])
    def test_both_splits_are_needed(self, cli, study, missing) -> None:
        sizes = {"train": 40, "validation": 30, "test": 30}
        lines = "\n".join(f"{name} = {size}" for name, size in sizes.items() if name != missing)

        answer = cli("study", study(SEARCH, split=f'method = "in-order"\n{lines}'))

        assert 2 == answer.code
        assert f"needs a {missing} split" in answer.told

    def test_a_space_without_a_search_is_told(self, cli, study) -> None:
        answer = cli("study", study('[study.space]\n"trainer.steps" = { low = 1, high = 3 }'))

        assert "space: is for a search; add [study.search] with use, trials and metric" in answer.told

    def test_check_counts_the_trials_and_the_final_runs(self, cli, study) -> None:
        assert "the study is 7 runs" in cli("check", study(SEARCH)).out

    def test_all_mistakes_are_told_at_once(self, study) -> None:
        recipe = study(SEARCH.replace("trials = 3", "trials = 0").replace("high = 30", "high = 0"))

        with pytest.raises(clsfw.RecipeError) as caught:
            make_study(recipe, [], discover())
        assert 2 == len(caught.value.problems)


def test_the_terms_of_a_tfidf_study_are_counted_once(study, tmp_path, monkeypatch):
    recipe = study(SEARCH.replace('"trainer.steps" = { low = 1, high = 30 }', '"model.min_df" = { low = 1, high = 9 }'))
    toys = '[model]\nuse = "toy"\n\n[trainer]\nuse = "toy"\n'
    linear = '[model]\nuse = "tfidf"\n\n[trainer]\nuse = "sklearn-fit"\nC = 1.0\n'
    assert toys in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(toys, linear))
    counted, real = [], Counted.of
    monkeypatch.setattr(Counted, "of", lambda texts, shaping: counted.append(shaping) or real(texts, shaping))

    carry_out(make_study(recipe, [], discover()), out=tmp_path / "s")

    assert 7 == len(list((tmp_path / "s" / "runs").iterdir()))  # 3 trials, 2 seeds of the chosen and own values each
    assert 1 == len(counted)
