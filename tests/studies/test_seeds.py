"""A recipe under several seeds: ordinary runs on the same rows, and what they say together."""

from __future__ import annotations

import io
import json
import signal
from typing import TYPE_CHECKING

import pytest
from support.terminals import terminal

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.errors import RecipeError, RunDirectoryError
from clsfw.evidence.finished import FinishedRun
from clsfw.kit import manifest
from clsfw.report.terminal import Screen
from clsfw.studies.board import open_board
from clsfw.studies.content import FinishedStudy
from clsfw.studies.execute import carry_out
from clsfw.studies.plan import make_study
from clsfw.studies.summary import summarize

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = "[study]\nseeds = 3"


def bytes_of(study: Path) -> dict[str, str]:
    """Hash what a study ends with: its result, and of each run what does not come from a clock."""
    kept = ("study.json", "metrics.json", "predictions.csv", "history.jsonl")
    files = [path for path in study.rglob("*") if path.name in kept or path.parent.name == "model"]
    return {str(path.relative_to(study)): manifest.sha256(path) for path in files}


class TestRuns:
    def test_each_seed_has_an_ordinary_run(self, cli, study, tmp_path) -> None:
        answer = cli("study", study(SEEDS), "--out", "s")

        assert 0 == answer.code, answer.told
        seeds = [FinishedRun.read(path).record["seed"] for path in sorted((tmp_path / "s/runs").iterdir())]
        assert [7, 8, 9] == seeds
        assert 0 == cli("predict", "s/runs/seed-8", "a fine film").code

    def test_of_pairs_the_next_command_takes_a_file(self, cli, study) -> None:
        cli("study", study(SEEDS), "--out", "s")
        finished, out = FinishedStudy.read("s"), io.StringIO()
        finished.runs[0].record["data"]["pairs"] = True
        summarize(Screen(out), finished)

        assert "next:   clsfw predict s/runs/seed-7 --file new.csv" in out.getvalue().splitlines()

    def test_the_run_with_the_recipes_own_seed_is_that_of_clsfw_run(self, cli, study) -> None:
        recipe = study(SEEDS)
        cli("study", recipe, "--out", "s")

        run = clsfw.run(recipe, out="r")
        assert run.record["identity"] == FinishedRun.read("s/runs/seed-7").record["identity"]

    @pytest.mark.parametrize("method", ["random", "stratified", "in-order"])
    def test_all_seeds_share_their_rows(self, cli, study, method) -> None:
        cli("study", study(SEEDS, split=f'method = "{method}"\ntrain = 40\nvalidation = 30\ntest = 30'), "--out", "s")

        data = [run.record["fixed"]["data"] for run in FinishedStudy.read("s").runs]
        assert data[0] == data[1] == data[2]

    def test_a_list_names_the_seeds(self, cli, study) -> None:
        cli("study", study("[study]\nseeds = [1, 90]"), "--out", "s")

        assert [1, 90] == [run["seed"] for run in FinishedStudy.read("s").record["runs"]]

    def test_a_run_of_it_is_reproduced(self, cli, study) -> None:
        cli("study", study(SEEDS), "--out", "s")

        answer = cli("reproduce", "s/runs/seed-8")

        assert 0 == answer.code
        assert "model same" in " ".join(answer.told.lower().split())


class TestScores:
    def test_mean_deviation_and_students_interval(self, cli, study) -> None:
        from scipy import stats

        cli("study", study(SEEDS), "--out", "s")
        finished = FinishedStudy.read("s")

        values = [run.metrics["test"]["f1"] for run in finished.runs]
        found = finished.scores["test"]["f1"]
        assert len(set(values)) > 1
        assert values == found["values"]
        assert sum(values) / 3 == pytest.approx(found["mean"])
        low, high = stats.t.interval(0.95, 2, loc=found["mean"], scale=stats.sem(values))
        assert [low, high] == pytest.approx(found["interval"])

    def test_the_table_has_a_row_for_each_run(self, study, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        table = clsfw.study(study(), overrides={"study.seeds": [3, 4]}).to_pandas()

        assert ["run", "values", "seed", "test precision", "test recall", "test f1", "test accuracy"] == list(
            table.columns
        )
        assert ["seed-3", "seed-4"] == list(table["run"])

    def test_the_mean_is_judged_and_the_seeds_that_would_have_passed_are_counted(self, cli, study) -> None:
        cli("study", study(SEEDS), "--out", "s")
        values = FinishedStudy.read("s").scores["test"]["accuracy"]["values"]
        mean, reach = sum(values) / 3, max(abs(v - sum(values) / 3) for v in values)
        expect = f"[expect.test]\naccuracy = {{ value = {mean:.9f}, tolerance = {reach * 0.99:.9f} }}"

        answer = cli("study", study(SEEDS, expect), "--out", "judged")

        verdict = FinishedStudy.read("judged").verdict
        assert 0 == answer.code
        assert "REPRODUCED" == verdict["status"]
        passed = sum(abs(value - mean) <= reach * 0.99 for value in values) / 3
        assert passed == pytest.approx(verdict["passed"])
        assert verdict["passed"] < 1

    def test_a_mean_that_misses_ends_with_code_9(self, cli, study) -> None:
        answer = cli("study", study(SEEDS, "[expect.test]\nf1 = { value = 1.0, tolerance = 0.0 }"), "--out", "s")

        assert 9 == answer.code
        assert "[NOT REPRODUCED] by the mean of 3 seeds; 0 of 3 alone would have passed" in answer.out

    def test_an_override_makes_it_not_comparable(self, cli, study) -> None:
        recipe = study(SEEDS, "[expect.test]\nf1 = { value = 1.0, tolerance = 0.0 }")

        answer = cli("study", recipe, "--out", "s", "--set", "trainer.steps=3")

        assert 0 == answer.code
        assert "[NOT COMPARABLE]" in answer.out


class TestContinuing:
    def test_a_complete_study_is_shown_again(self, cli, study) -> None:
        recipe = study(SEEDS)
        first = cli("study", recipe)
        again = cli("study", recipe)

        assert first.out.splitlines()[-10:] == again.out.splitlines()[-10:]
        assert "is complete already" in again.out

    def test_ctrl_c_stops_it_and_the_same_command_ends_it_with_the_same_bytes(self, cli, study, tmp_path) -> None:
        recipe = study(SEEDS)
        plan = make_study(recipe, [], discover())
        carry_out(plan, out=tmp_path / "undisturbed")

        class Impatient:
            def __getattr__(self, name):
                return lambda *_: None

            def doing(self, run, what):
                if run == "seed-8" and what.startswith("predicting"):
                    signal.raise_signal(signal.SIGINT)

        with pytest.raises(clsfw.InterruptedRunError):
            carry_out(plan, out=tmp_path / "s", board=Impatient())
        assert not (tmp_path / "s/study.json").exists()
        carry_out(plan, out=tmp_path / "s")

        assert bytes_of(tmp_path / "undisturbed") == bytes_of(tmp_path / "s")

    def test_another_recipe_in_its_directory_is_refused(self, cli, study) -> None:
        recipe = study(SEEDS)
        cli("study", recipe, "--out", "s")

        answer = cli("study", recipe, "--out", "s", "--set", "trainer.steps=5", "--set", "study.seeds=2")

        assert 6 == answer.code
        assert "holds a study of something else: trainer.steps: " in answer.told
        assert "study.seeds" in answer.told

    def test_a_recipe_that_changes_meanwhile_changes_no_run_of_the_study(self, study, tmp_path) -> None:
        recipe = study(SEEDS)
        plan = make_study(recipe, [], discover())
        recipe.write_text(recipe.read_text().replace('use = "toy"', 'use = "other"'))

        assert 3 == len(carry_out(plan, out=tmp_path / "s").runs)

    def test_a_folder_of_something_else_is_left_alone(self, cli, study, tmp_path) -> None:
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis/chapter.tex").write_text("")

        answer = cli("study", study(SEEDS), "--out", "thesis")

        assert 6 == answer.code
        assert "is not empty and holds no study (it has 'chapter.tex')" in answer.told

    def test_a_result_that_was_changed_is_refused(self, cli, study, tmp_path) -> None:
        cli("study", study(SEEDS), "--out", "s")
        result = tmp_path / "s/study.json"
        result.write_text(json.dumps({**json.loads(result.read_text()), "scores": 3}))

        with pytest.raises(RunDirectoryError, match="is not what a run writes: scores"):
            FinishedStudy.read(tmp_path / "s")


class TestMistakes:
    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ("[study]\nsed = 3", "recipe.toml:25:1: [study] sed: unknown key; did you mean 'seeds'?"),
            ("[study]\nseeds = 1", "recipe.toml:25:9: [study] seeds: must be at least 2, not 1"),
            ("[study]\nseeds = [3]", "seeds: must have at least 2 items"),
            ("[study]\nseeds = [3, 3]", "a seed is in the list twice"),
            ("[study]\nseeds = [3, -1]", "must be at least 0"),
            ('[study]\nseeds = "5"', "[study] seeds: must be"),
            ("[[study]]\nseeds = 5", "must be a table, written under a [study] header"),
            ("", "missing table [study]"),
        ],
    )
    def test_each_is_told_with_its_line_before_anything_runs(self, cli, study, tmp_path, table, told) -> None:
        answer = cli("study", study(table))

        assert 2 == answer.code
        assert told in answer.told
        assert not (tmp_path / "studies").exists()

    def test_check_says_how_many_runs_there_will_be(self, cli, study) -> None:
        answer = cli("check", study(SEEDS))

        assert "the study is 3 runs" in answer.out
        assert "the recipe can be run: clsfw study" in answer.out

    def test_check_says_about_how_long_by_a_run_that_was_made(self, cli, study) -> None:
        recipe = study(SEEDS)
        assert "once `clsfw run` has made one run of it" in cli("check", recipe).out

        cli("run", recipe)

        assert "about 0:0" in cli("check", recipe).out

    def test_run_says_that_it_makes_a_single_one(self, cli, study) -> None:
        answer = cli("run", study(SEEDS))

        assert 0 == answer.code
        assert "this is a single run; `clsfw study " in answer.out

    def test_check_tells_a_mistake_in_the_study(self, cli, study) -> None:
        with pytest.raises(RecipeError):
            make_study(study("[study]\nsed = 3"), [], discover())

        assert 2 == cli("check", study("[study]\nsed = 3")).code


class TestTerminal:
    def test_plain_lines_without_one(self, cli, study) -> None:
        lines = cli("study", study(SEEDS)).out.splitlines()

        assert lines[1].startswith("1 of 3  seed-7  test precision 0.")

    def test_a_table_on_one(self, study, monkeypatch, tmp_path) -> None:
        monkeypatch.chdir(tmp_path)
        recipe = study(SEEDS)
        monkeypatch.setenv("TERM", "xterm")
        with terminal(100) as screen:
            with open_board(screen.stream) as board:
                carry_out(make_study(recipe, [], discover()), board=board)
                board.warn("look here")
            told = "\n".join(screen.lines())

        assert "3 of 3 runs" in told
        assert "warning: look here" in told
