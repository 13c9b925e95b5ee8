"""Halving: all trials in part, the best of them to the end, and no step is made twice."""

from __future__ import annotations

import pytest
from support.stepping import HALVED, STEPPING

from clsfw.discovery.plugins import discover
from clsfw.kit import manifest
from clsfw.studies.content import FinishedStudy
from clsfw.studies.execute import carry_out
from clsfw.studies.plan import make_study


def steps_of_trials(folder):
    names = (folder / "steps.txt").read_text().split()
    return {name: names.count(name) for name in names if name.startswith("trial")}


class TestHalving:
    def test_only_the_best_go_on_and_no_step_is_made_twice(self, halved, tmp_path):
        study = carry_out(make_study(halved(), [], discover()), out=tmp_path / "s")

        trials = study.record["search"]["trials"]
        by_first = sorted(trials, key=lambda trial: -trial["first"])
        shares = [trial["share"] for trial in by_first]
        assert [0.25] * 3 == shares[3:]
        assert [0.5, 1, 1] == sorted(shares[:3])
        steps = {f"trial-{trial['number']:04}": 16 * trial["share"] for trial in trials}
        assert steps == steps_of_trials(tmp_path)
        assert 1 == study.record["search"]["chosen"]["share"]

    def test_a_run_that_went_on_ends_as_one_that_was_never_stopped(self, halved, tmp_path):
        plan = make_study(halved(), [], discover())
        study = carry_out(plan, out=tmp_path / "s")
        chosen = study.record["search"]["chosen"]

        from clsfw.engine.execute import execute

        alone = execute(plan.trial(chosen["values"]), out=tmp_path / "alone")

        name = f"trial-{chosen['number']:04}"
        for file in ("model/weights.npy", "metrics.json", "history.jsonl"):
            went_on = tmp_path / "s/runs" / name / file
            assert manifest.sha256(alone.directory / file) == manifest.sha256(went_on)

    def test_trials_that_go_no_further_leave_no_checkpoints(self, halved, tmp_path):
        study = carry_out(make_study(halved(), [], discover()), out=tmp_path / "s")

        for trial in study.record["search"]["trials"]:
            left = tmp_path / f"s/runs/trial-{trial['number']:04}/checkpoints"
            assert not (trial["share"] < 1 and left.exists() and any(left.iterdir()))

    def test_a_study_that_was_stopped_asks_and_trains_nothing_twice(self, halved, tmp_path):
        plan = make_study(halved(), [], discover())
        carry_out(plan, out=tmp_path / "s")
        before = steps_of_trials(tmp_path)
        (tmp_path / "s/study.json").unlink()

        carry_out(plan, out=tmp_path / "s")

        assert before == steps_of_trials(tmp_path)

    def test_one_killed_just_after_it_was_judged_keeps_its_score(self, halved, tmp_path):
        plan = make_study(halved(), [], discover())
        expected = carry_out(plan, out=tmp_path / "s").record["search"]["trials"]
        file = tmp_path / "again/trials/trial-0001-at-0.25.json"

        class Board:
            def __getattr__(self, name):
                return lambda *_: None

            def started(self, run):
                if run == "trial-0002" and file.is_file():
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            carry_out(plan, out=tmp_path / "again", board=Board())
        file.unlink()
        assert expected == carry_out(plan, out=tmp_path / "again").record["search"]["trials"]

    def test_one_that_diverges_goes_no_further(self, halved, cli):
        recipe = halved(HALVED.replace("{ low = 0.01, high = 9.0, log = true }", "{ choices = [1.0, 1e9] }"))

        assert 0 == cli("study", recipe, "--out", "s").code
        trials = FinishedStudy.read("s").record["search"]["trials"]
        lost = [trial for trial in trials if trial["values"]["trainer.learning_rate"] == 1e9]
        assert lost
        assert {(None, 0.25)} == {(trial["score"], trial["share"]) for trial in lost}

    def test_check_counts_what_it_costs(self, halved, cli):
        # 6 up to a quarter, 3 up to a half, 2 up to the end, and 4 final runs
        steps = 16 * (6 * 0.25 + 3 * 0.25 + 2 * 0.5 + 4)
        assert f"the study is 10 runs, {steps:g} steps in all" in cli("check", halved()).out


class TestMistakes:
    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ("{ at = [], keep = 0.5 }", "halving.at: must not be an empty list"),
            ("{ at = [0.5, 0.25], keep = 0.5 }", "halving.at: the shares must rise"),
            ("{ at = [0.5, 1.0], keep = 0.5 }", "must be less than 1"),
            ("{ at = [0.5], keep = 1.0 }", "halving.keep: must be less than 1"),
            ("{ at = [0.5] }", "missing key 'keep'"),
            ("{ at = [0.5], kep = 0.5 }", "unknown key; did you mean 'keep'?"),
            ("3", "halving: must be a table"),
        ],
    )
    def test_each_is_told_with_its_line(self, halved, cli, tmp_path, table, told):
        answer = cli("study", halved(HALVED.replace("{ at = [0.25, 0.5], keep = 0.5 }", table)))

        assert 2 == answer.code
        assert told in answer.told
        assert "recipe.toml:" in answer.told
        assert not (tmp_path / "studies").exists()

    def test_a_trainer_without_steps(self, study, cli, tmp_path):
        space = '"trainer.learning_rate" = { low = 0.01, high = 9.0, log = true }'
        answer = cli("study", study(HALVED.replace(space, '"trainer.steps" = { low = 1, high = 9 }')))

        assert 2 == answer.code
        assert "'toy' has no steps to judge trials between; leave halving out" in answer.told
        assert not list(tmp_path.glob("studies/*/runs/*"))

    def test_a_trainer_that_is_told_to_evaluate_nothing(self, halved, install, cli, tmp_path):
        """Seen with gpu-trainer: all trials were trained whole, and the study cost twice what check had said."""
        settings = "    save_steps: int = 4\n    eval_steps: int | None = None\n"
        install("odd", STEPPING.replace("    save_steps: int = 4\n", settings).replace('"stepping"', '"odd"'))

        answer = cli("study", _with_trainer(halved(), "odd"))

        assert 2 == answer.code
        assert "trials are judged at evaluations, and there are none before the end; write eval_steps" in answer.told
        assert not (tmp_path / "studies").exists()

    def test_trials_that_are_not_evaluated_in_time_are_named(self, halved, install, cli):
        alone = STEPPING.replace("fit(model, data, run)\n", 'fit(model, {"train": data["train"]}, run)\n')
        install("odd", alone.replace('"stepping"', '"odd"'))

        answer = cli("study", _with_trainer(halved(), "odd"), "--out", "s")

        assert 0 == answer.code
        said = "trial-0001 was trained to its end: nothing was evaluated between 25% of its steps and the last"
        assert 1 == answer.out.count(said)


class TestDivergedFinalRuns:
    @pytest.fixture
    def unlucky(self, halved, install):
        """Give a recipe under three seeds, for one of which training diverges."""
        source = STEPPING.replace("self.learning_rate > 1e6", 'self.name.endswith("-8")').replace('"stepping"', '"odd"')
        install("odd", source)
        return lambda *tables: _with_trainer(halved("[study]\nseeds = 3", *tables), "odd")

    def test_the_others_go_on(self, unlucky, cli):
        answer = cli("study", unlucky(), "--out", "s")

        study = FinishedStudy.read("s")
        assert 0 == answer.code, answer.told
        assert "diverged: the loss is not finite" in answer.out
        assert [None, "the loss is not finite", None] == [run["error"] for run in study.record["runs"]]
        assert 2 == len(study.scores["test"]["f1"]["values"]) == len(study.runs) == len(study.to_pandas())

    def test_it_would_not_have_passed(self, unlucky, cli):
        recipe = unlucky("[expect.test]\naccuracy = { value = 0.5, tolerance = 0.5 }")

        cli("study", recipe, "--out", "s")

        assert 2 / 3 == pytest.approx(FinishedStudy.read("s").verdict["passed"])

    def test_too_few_are_left(self, unlucky, cli):
        answer = cli("study", unlucky(), "--out", "s", "--set", "study.seeds=[8, 9]")

        assert 8 == answer.code
        assert "training ended for 1 of 2 seeds, and a study needs two: the loss is not finite" in answer.told


def _with_trainer(recipe, name):
    recipe.write_text(recipe.read_text().replace('use = "stepping"', f'use = "{name}"'))
    return recipe
