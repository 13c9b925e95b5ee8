"""What is said of a run beside its scores, and when nothing is."""

from __future__ import annotations

import pytest

from clsfw.evidence.findings import find

BATCHES = {"max_steps": 300, "load_best_model_at_end": False}


def metrics(bins=(), leaks=None, rows=None, classes=None, **splits):
    splits = splits or {"test": {"accuracy": 0.8}}
    total = sum(part["rows"] for part in bins) or 1
    ece = sum(part["rows"] * abs(part["confidence"] - part["accuracy"]) for part in bins) / total
    return {
        **splits,
        "leaks": leaks or {},
        "rows": rows or {"train": 100, "validation": 50, "test": 100},
        "calibration": {split: {"ece": ece, "bins": list(bins)} for split in splits},
        "classification_report": {split: {"classes": scored(classes or {"a": (50, 0.8)})} for split in splits},
    }


def scored(classes):
    return {name: {"support": texts, "recall": recall} for name, (texts, recall) in classes.items()}


def course(*losses, every=100):
    return [{"step": every * i, "split": "validation", "loss": loss} for i, loss in enumerate(losses, 1)]


def told(history=(), trainer=None, evidence=None, **given):
    recipe = {
        "trainer": BATCHES if trainer is None else trainer,
        "evidence": evidence or {},
        "split": {"method": "random"},
    }
    return [str(finding) for finding in find(metrics(**given), history, recipe)]


def test_a_sound_run_is_left_alone():
    assert told(course(0.6, 0.4, 0.38, 0.37), bins=[{"rows": 100, "confidence": 0.85, "accuracy": 0.8}]) == []


class TestUnderfitting:
    def test_a_loss_that_still_falls_fast_at_the_end(self):
        (words,) = told(course(0.9, 0.7, 0.5))
        assert words == (
            "note: the validation loss still fell by 29% in the last quarter of the training, to 0.5000: "
            "it underfits; raise [trainer] max_steps (300)"
        )

    @pytest.mark.parametrize(("key", "shown"), [("num_train_epochs", "num_train_epochs (3)"), ("other", None)])
    def test_the_setting_is_the_one_that_the_recipe_has(self, key, shown):
        (words,) = told(course(0.9, 0.7, 0.5), trainer={key: 3.0, "max_steps": None})
        assert words.endswith(
            f"; raise [trainer] {shown}" if shown else "; train longer ([trainer] max_steps or num_train_epochs)"
        )

    @pytest.mark.parametrize("losses", [(0.9, 0.7, 0.65), (0.9, 0.5, 0.51), (0.9,), (), (0.004, 0.003, 0.0001)])
    def test_a_loss_that_levels_off_is_none(self, losses):
        assert told(course(*losses)) == []

    def test_the_last_quarter_counts_and_not_the_last_evaluation(self):
        losses = [1.0 * 0.97**i for i in range(40)]  # 3 % from each to the next, a quarter in the last ten
        assert "still fell by 26%" in told(course(*losses, every=10))[0]


class TestOverfitting:
    def test_a_loss_that_rises_for_half_of_the_training(self):
        (words,) = told(course(0.5, 0.6, 0.8))
        assert words == (
            "note: the validation loss rose from 0.5000 at step 100 to 0.8000 at step 300: past that it overfits; "
            'lower [trainer] max_steps (300), or set load_best_model_at_end = true and metric_for_best_model = "loss"'
        )

    def test_a_trainer_without_such_settings_gets_the_step(self):
        assert told(course(0.5, 0.6, 0.8), trainer={})[0].endswith("; train for about 100 steps")

    @pytest.mark.parametrize("losses", [(0.5, 0.51, 0.52), (0.9, 0.7, 0.5, 0.8), (1e-7, 1e-6, 0.004)])
    def test_a_little_or_a_late_rise_is_none(self, losses):
        assert told(course(*losses)) == []

    def test_the_weights_of_the_lowest_loss_were_kept(self):
        kept = {**BATCHES, "load_best_model_at_end": True}
        assert told(course(0.5, 0.6, 0.8), trainer={**kept, "metric_for_best_model": "loss"}) == []
        assert told(course(0.5, 0.6, 0.8), trainer={**kept, "metric_for_best_model": "f1"}) != []


class TestCalibration:
    SURE = ({"rows": 400, "confidence": 0.95, "accuracy": 0.7}, {"rows": 100, "confidence": 0.6, "accuracy": 0.55})

    def test_a_model_that_is_too_sure(self):
        (words,) = told(bins=self.SURE)
        assert words == (
            "note: the model is surer of its answers than it is right: on the test split, probability and truth lie "
            "21 points apart on average (expected calibration error 0.21); "
            "[evidence] temperature_scaling = true fixes that"
        )

    def test_a_model_that_is_not_sure_enough(self):
        assert (
            "less sure of its answers than it is right"
            in told(bins=[{"rows": 500, "confidence": 0.3, "accuracy": 0.8}])[0]
        )

    @pytest.mark.parametrize(("accuracy", "said"), [(0.64, 1), (0.67, 0)])
    def test_what_so_few_rows_show_by_chance_is_not_said(self, accuracy, said):
        """Of 20 answers at a confidence of 0.8 the share that is right strays by 0.071; twice that is 0.143."""
        assert said == len(told(bins=[{"rows": 20, "confidence": 0.8, "accuracy": accuracy}]))

    def test_without_a_validation_split_one_is_asked_for(self):
        words = told(bins=self.SURE, rows={"train": 100, "test": 500})[0]
        assert words.endswith("; a validation split and [evidence] temperature_scaling = true fix that")

    def test_scaled_already(self):
        assert "a larger validation split" in told(bins=self.SURE, evidence={"temperature_scaling": True})[0]

    def test_few_rows_stray_that_far_by_chance(self):
        few = [{"rows": 3, "confidence": 0.55, "accuracy": 0.33}, {"rows": 3, "confidence": 0.75, "accuracy": 1.0}]
        assert told(bins=few) == []


class TestLeaks:
    def test_the_gravest_comes_first(self):
        leaks = {"test_without_leaks": {"leaked_rows": 5, "rows": 0, "scores": None, "scores_with_leaks": {}}}
        words = told(course(0.5, 0.6, 0.8), leaks=leaks, bins=TestCalibration.SURE)
        assert [line.split(":")[0] for line in words] == ["!!! WARNING", "note", "note"]

    def test_without_a_test_the_validation_split_is_looked_at(self):
        leaks = {"train_validation": {"exact": 3, "folded": 5}}
        assert told(leaks=leaks, validation={}) == [
            (
                "warning: 5 of 50 validation rows (10.0%) also occur in train; "
                '[split] group_by = "text" keeps equal texts in one split'
            )
        ]

    @pytest.mark.parametrize("split", [{"method": "given"}, {"method": "random", "group_by": "text"}, None])
    def test_where_no_setting_mends_it(self, split):
        leaks = {"train_validation": {"exact": 3, "folded": 5}}
        (found,) = find(metrics(leaks=leaks, validation={}), (), {"split": split})
        assert found.remedy == "take them out of the training data"


class TestRareClasses:
    def test_a_class_that_is_never_recognized(self):
        (words,) = told(classes={"a": (90, 0.9), "b": (12, 0.0)})
        assert words == (
            "note: no test text of 'b' (12) is recognized; [trainer] class_weights = \"balanced\" weighs them up"
        )

    def test_weights_are_not_named_where_they_are_set(self):
        trainer = {**BATCHES, "class_weights": "balanced"}
        (words,) = told(classes={"a": (90, 0.9), "b": (12, 0.0)}, trainer=trainer)
        assert words.endswith("; they need more texts to train on")

    def test_a_class_with_few_texts(self):
        (words,) = told(classes={"a": (90, 0.9), "b": (9, 0.5), "c": (10, 0.5)})
        assert words == (
            "note: 'b' (9) has fewer than 10 test texts: its own scores, and the macro scores, are uncertain; "
            "a larger test split narrows their intervals"
        )

    def test_the_smallest_are_named_and_the_others_counted(self):
        (words,) = told(classes={"a": (90, 0.9), **{f"c{n}": (n, 0.5) for n in range(1, 6)}})
        assert words.startswith("note: 'c1' (1), 'c2' (2), 'c3' (3) and 2 other classes have fewer than 10 test texts:")

    def test_a_class_without_any_text_is_none(self):
        assert told(classes={"a": (90, 0.9), "b": (0, 0.0)}) == []

    def test_a_model_that_recognizes_nothing_has_no_rare_classes(self):
        assert told(classes={"a": (90, 0.0), "b": (20, 0.0)}) == []
