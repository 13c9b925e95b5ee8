"""A plan is carried out whole, shown again when it is complete, and never mixed with another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import clsfw
from clsfw.discovery.plugins import discover
from clsfw.engine import execute
from clsfw.engine.prepare import prepare_data
from clsfw.errors import DataError, LockedError, RecipeError, RunDirectoryError
from clsfw.evidence.finished import FinishedRun
from clsfw.forecast import check
from clsfw.recipe.plan import make_plan
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory

if TYPE_CHECKING:
    from pathlib import Path

SMALL: dict[str, Any] = {
    "split.train": 64,
    "split.validation": 32,
    "split.test": 40,
    "model.scratch.dim": 16,
    "model.scratch.hidden_dim": 32,
    "model.scratch.n_layers": 1,
    "model.scratch.n_heads": 2,
    "model.scratch.vocab_size": 300,
    "trainer.batch_size": 8,
    "trainer.max_steps": 6,
    "trainer.eval_steps": 3,
    "trainer.logging_steps": 3,
    "trainer.save_steps": 3,
    "trainer.precision": "fp32",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return clsfw.run("quickstart", overrides=SMALL, out=tmp_path_factory.mktemp("runs") / "small")


class TestCompleteRun:
    def test_the_directory_holds_what_the_design_says(self, finished: FinishedRun) -> None:
        names = {path.name for path in finished.directory.iterdir()}

        assert {
            "run.json",
            "seen_texts.npy",
            "recipe.toml",
            "resolved.toml",
            "history.jsonl",
            "model",
            "metrics.json",
            "timings.json",
            "predictions.csv",
            "report.html",
            "README.md",
            "manifest.json",
        } == names - {"lock"}

    def test_the_counts_of_each_split_are_recorded(self, finished: FinishedRun) -> None:
        splits = finished.record["data"]["splits"]

        assert {"train": 64, "validation": 32, "test": 40} == {name: part["rows"] for name, part in splits.items()}
        assert all(sum(part["labels"].values()) == part["rows"] for part in splits.values())

    def test_history_has_each_logged_step_and_each_evaluation(self, finished: FinishedRun) -> None:
        assert [(3, None), (3, "validation"), (6, None), (6, "validation")] == [
            (line["step"], line.get("split")) for line in finished.history
        ]

    def test_every_test_row_is_predicted(self, finished: FinishedRun) -> None:
        assert 40 == len(finished.predictions)

    def test_timings_have_their_parts_and_metrics_no_clock(self, finished: FinishedRun) -> None:
        parts = {name.removesuffix("_seconds"): seconds for name, seconds in finished.timings.items()}
        total = parts.pop("total")
        own = {"start", "data", "model", "fit", "save", "predict", "evidence", "report"}
        assert own | {"tokenize", "train", "evaluation", "checkpoint"} <= set(parts)
        assert sum(parts.values()) == pytest.approx(total)
        assert "seconds" not in json.dumps(finished.metrics)

    def test_accuracy_agrees_with_the_predictions(self, finished: FinishedRun) -> None:
        assert finished.predictions.right.mean() == pytest.approx(finished.metrics["test"]["accuracy"])

    def test_no_file_holds_a_path_of_this_machine(self, finished: FinishedRun, root: Path) -> None:
        places = (str(root).encode(), str(finished.directory.parent).encode())
        holding = [
            path.name
            for path in finished.directory.rglob("*")
            if path.is_file() and path.name != "resolved.toml" and any(place in path.read_bytes() for place in places)
        ]

        assert [] == holding


class TestSecondTime:
    def test_the_same_call_gives_the_same_run_untouched(self, finished: FinishedRun) -> None:
        before = (finished.directory / "run.json").read_bytes()
        again = clsfw.run("quickstart", overrides=SMALL, out=finished.directory)

        assert finished.metrics == again.metrics
        assert before == (finished.directory / "run.json").read_bytes()

    def test_another_recipe_is_refused_with_what_differs(self, finished: FinishedRun) -> None:
        with pytest.raises(RunDirectoryError, match=r"trainer\.max_steps: 6 before, 7 now"):
            clsfw.run("quickstart", overrides=SMALL | {"trainer.max_steps": 7}, out=finished.directory)

    def test_where_only_the_order_of_labels_differs_the_message_says_so(
        self, finished: FinishedRun, tmp_path: Path, root: Path
    ) -> None:
        text = (root / "recipes" / "quickstart.toml").read_text()
        swapped = text.replace(
            'negative = "NEGATIVE"\npositive = "POSITIVE"', 'positive = "POSITIVE"\nnegative = "NEGATIVE"'
        )
        (tmp_path / "quickstart.toml").write_text(swapped)
        (tmp_path / "quickstart.csv").write_bytes((root / "recipes" / "quickstart.csv").read_bytes())

        assert text != swapped
        with pytest.raises(RunDirectoryError, match=r"another recipe:\n    the order of settings or labels\n"):
            clsfw.run(tmp_path / "quickstart.toml", overrides=SMALL, out=finished.directory)

    def test_the_same_recipe_elsewhere_gives_the_same_bytes(self, finished: FinishedRun, tmp_path: Path) -> None:
        again = clsfw.run("quickstart", overrides=SMALL, out=tmp_path / "again")
        for name in ("model/model.safetensors", "metrics.json", "predictions.csv", "history.jsonl"):
            assert (finished.directory / name).read_bytes() == (again.directory / name).read_bytes(), name


class TestOnePlace:
    """The directory is asked about twice: before the data is read, and when it is first written."""

    def test_the_home_folder_may_be_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        clsfw.run("quickstart", overrides=SMALL, out="~/run")

        with pytest.raises(RunDirectoryError, match=r"trainer\.max_steps: 6 before, 7 now"):
            clsfw.run("quickstart", overrides=SMALL | {"trainer.max_steps": 7}, out="~/run")
        assert (tmp_path / "run" / "run.json").is_file()
        assert clsfw.load("~/run")("a fine loaf")["label"]

    @pytest.mark.parametrize("steps", [6, 7])
    def test_a_run_that_another_process_made_meanwhile_is_never_trained_again(
        self, steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "run"

        def prepare_slowly(*args: Any) -> Any:
            monkeypatch.setitem(execute.execute.__kwdefaults__, "prepare", prepare_data)
            clsfw.run("quickstart", overrides=SMALL | {"trainer.max_steps": steps}, out=out)
            return prepare_data(*args)

        monkeypatch.setitem(execute.execute.__kwdefaults__, "prepare", prepare_slowly)
        if steps == SMALL["trainer.max_steps"]:
            clsfw.run("quickstart", overrides=SMALL, out=out)
        else:
            with pytest.raises(RunDirectoryError, match=r"trainer\.max_steps: 7 before, 6 now"):
                clsfw.run("quickstart", overrides=SMALL, out=out)

        assert steps == json.loads((out / "run.json").read_text())["training"]["steps"]

    def test_a_good_run_stays_where_it_is_if_the_data_of_a_fresh_one_cannot_be_read(
        self, finished: FinishedRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreadable(*_: Any) -> Any:
            raise DataError("unreadable")

        monkeypatch.setitem(execute.execute.__kwdefaults__, "prepare", unreadable)
        with pytest.raises(DataError, match="unreadable"):
            clsfw.run("quickstart", overrides=SMALL, out=finished.directory, fresh=True)

        assert [finished.directory] == list(finished.directory.parent.iterdir())
        assert finished.metrics == FinishedRun.read(finished.directory).metrics

    def test_a_directory_at_work_is_refused_before_the_data_of_a_fresh_run_is_read(
        self, finished: FinishedRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(execute.execute.__kwdefaults__, "prepare", lambda *_: pytest.fail("the data was read"))

        with RunDirectory.open(finished.directory), pytest.raises(LockedError):
            clsfw.run("quickstart", overrides=SMALL, out=finished.directory, fresh=True)


class TestParts:
    def test_a_trainer_that_does_not_fit_the_model_is_named_before_training(self, tmp_path: Path) -> None:
        overrides = {"model.use": "tfidf"}
        with pytest.raises(RecipeError, match="trainer 'gpu-trainer' needs a torch model; 'tfidf' is not one"):
            clsfw.run("quickstart", overrides=overrides, out=tmp_path / "run")

    def test_check_tells_splits_leaks_parameters_and_steps(self) -> None:
        told: list[str] = []

        class Telling(Quiet):
            def note(self, text: str) -> None:
                told.append(text)

        check(make_plan("quickstart", SMALL, discover()), Telling())
        text = "\n".join(told)

        for words in ("64 train", "no text occurs twice", "trainable", "6 steps, 0.75 epochs", "of disk"):
            assert words in text


class TestEvidenceOptions:
    def test_temperature_and_threshold_come_from_validation_and_stay_with_the_model(self, tmp_path: Path) -> None:
        options = {"evidence.temperature_scaling": True, "evidence.tune_threshold": True}
        run = clsfw.run("quickstart", overrides=SMALL | options, out=tmp_path / "run")
        about = json.loads((run.directory / "model" / "clsfw.json").read_text())

        assert run.metrics["decision"] == about["decision"]
        assert all(value is not None for value in about["decision"].values())
