"""Built parts: wrong ones are found when they are built, and what they give is checked in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import clsfw
from clsfw.contract.parts import Labels, Prediction
from clsfw.discovery.parts import (
    BUILT,
    BuiltMetric,
    BuiltModel,
    BuiltSource,
    BuiltWatcher,
    build_part,
)
from clsfw.discovery.plugins import Plugin
from clsfw.errors import HostError, PluginError
from clsfw.kit.predictions import check_prediction
from clsfw.testing import ToyTrainer

PLUGIN = Plugin("p", "dist-p", "1.0", "ok")
LABELS = Labels(("a", "b"))


def component(build):
    return clsfw.Component(name="it", summary="s", settings=clsfw.Settings, build=build)


class Empty:
    def load(self):
        """Take no reporter."""

    def fit(self, model, data, run):
        """Train nothing."""

    def predict(self, model, texts, reporter):
        """Predict nothing."""


class TestBuilding:
    def test_a_method_that_would_never_run_is_found(self):
        class Yields(ToyTrainer):
            def fit(self, model, data, run):
                yield

        with pytest.raises(PluginError, match="a Yields, whose fit is async or has a yield, so that its body would"):
            build_part(BUILT["trainer"], PLUGIN, component(lambda _: Yields()), clsfw.Settings())

    @pytest.mark.parametrize("kind", sorted(BUILT))
    def test_nothing_is_no_part_and_its_builder_is_named(self, kind):
        def build(settings):
            """Forget to return."""

        line = build.__code__.co_firstlineno
        message = rf"^plugin 'p' \(dist-p 1.0\): build of {kind} 'it' gave None.*\(.*test_parts.py:{line}\)$"
        with pytest.raises(PluginError, match=message):
            build_part(BUILT[kind], PLUGIN, component(build), clsfw.Settings())

    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("data", r"a Empty, whose load\(\) does not take 1 arguments"),
            ("model", "a Empty, which has no method create"),
            ("trainer", "a Empty, whose `needs` is not a class or protocol"),
            ("metric", "a Empty, which has no method compute"),
            ("watcher", "a Empty, which has none of the methods on_run_start, on_step"),
        ],
    )
    def test_a_part_of_the_wrong_shape_says_what_it_lacks(self, kind, words):
        with pytest.raises(PluginError, match=words):
            build_part(BUILT[kind], PLUGIN, component(lambda _: Empty()), clsfw.Settings())

    def test_what_a_method_raises_names_the_part_and_the_line(self):
        class Source:
            def load(self, reporter):
                raise KeyError("x")

        source = build_part(BuiltSource, PLUGIN, component(lambda _: Source()), clsfw.Settings())
        words = r"^plugin 'p' \(dist-p 1.0\) failed in load of data 'it': KeyError: 'x' \(.*test_parts.py:\d+\)$"
        with pytest.raises(PluginError, match=words):
            source.load(None)


class TestWatchers:
    def test_a_method_that_would_never_be_called_is_found_when_it_is_built(self):
        class TakesNoValues:
            def on_step(self, step):
                """Miss two arguments."""

        class Misspells(clsfw.Watcher):
            def on_steps(self, run):
                """Have a name that nobody calls."""

        for kind, words in (
            (TakesNoValues, "must take the arguments run, step, values"),
            (Misspells, "looks like on_"),
        ):
            with pytest.raises(PluginError, match=f"a {kind.__name__}, whose on_step.* {words}"):
                build_part(BuiltWatcher, PLUGIN, component(lambda _, kind=kind: kind()), clsfw.Settings())

    def test_so_is_one_whose_body_would_never_run(self):
        class Yields:
            def on_run_end(self, run, error):
                yield

        class Waits:
            async def on_run_end(self, run, error):
                """End."""

        for kind in (Yields, Waits):
            with pytest.raises(PluginError, match="whose on_run_end is async or has a yield"):
                build_part(BuiltWatcher, PLUGIN, component(lambda _, kind=kind: kind()), clsfw.Settings())

    def test_methods_may_name_more_than_they_use_or_take_all(self):
        class Takes:
            def on_step(self, **told):
                self.told = told

        watcher = build_part(BuiltWatcher, PLUGIN, component(lambda _: Takes()), clsfw.Settings())
        values = {"loss": 1.0}
        watcher.tell("on_step", run=None, step=3, values=values)
        watcher.tell("on_run_end", run=None, error=None)

        assert {"run": None, "step": 3, "values": values} == watcher.part.told
        assert watcher.part.told["values"] is not values

    def test_the_base_class_has_them_all(self):
        watcher = build_part(BuiltWatcher, PLUGIN, component(lambda _: clsfw.Watcher()), clsfw.Settings())
        for hook, arguments in BuiltWatcher.HOOKS.items():
            watcher.tell(hook, **dict.fromkeys(arguments))


class Gives:
    def __init__(self, given: Any) -> None:
        self.given = given

    def compute(self, outcome):
        if isinstance(self.given, Exception):
            raise self.given
        return self.given


class TestScores:
    def test_numbers_of_numpy_become_plain_ones(self):
        scores = BuiltMetric(PLUGIN, "m", Gives({"f1": np.float32(0.5)})).compute(None)

        assert {"f1": 0.5} == scores
        assert float is type(scores["f1"])

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"f1": float("nan")}, "gives 'f1' = nan, which is not a finite number"),
            ({"f1": 10**400}, "gives 'f1' = inf, which is not a finite number"),
            ({"f1": [0.5]}, "must give plain numbers, but 'f1' is list"),
            ({"f1": True}, "must give plain numbers, but 'f1' is bool"),
            (None, "must give a mapping of names to numbers, not NoneType"),
            ({"f1": 0.5, "loss": 0.1}, "gives 'loss', a name that the run's history takes"),
            ({"split": 0.1}, "gives 'split', a name"),
            ({"step": 0.1}, "gives 'step', a name"),
            ({"": 0.1}, "names a score ''"),
            ({"  ": 0.1}, "names a score '  '"),
            ({3: 0.1}, "names a score 3; use a line of text without control characters"),
            ({"f1\x1b[2J": 0.1}, r"names a score 'f1\\x1b\[2J'"),
        ],
    )
    def test_what_a_metric_may_not_give_names_it_and_its_plugin(self, given, words):
        with pytest.raises(PluginError, match=rf"^plugin 'p' \(dist-p 1.0\): metric 'm' {words}"):
            BuiltMetric(PLUGIN, "m", Gives(given)).compute(None)

    def test_what_it_raises_names_it_and_its_plugin(self):
        with pytest.raises(PluginError, match=r"\(dist-p 1.0\) failed in compute of metric 'm': ValueError: boom"):
            BuiltMetric(PLUGIN, "m", Gives(ValueError("boom"))).compute(None)


class TestModels:
    class Model:
        def create(self, labels, texts, seed, reporter):
            return clsfw.Labels(("x",))

        def load(self, directory):
            class Other:
                labels = Labels(("b", "a"))

                def save(self, directory):
                    raise OSError(28, "No space left on device")

                def parameters(self):
                    return 0, 0

            return Other()

    def test_what_is_no_classifier_is_refused(self):
        with pytest.raises(PluginError, match="model 'm': create gave a Labels, which has no labels"):
            BuiltModel(PLUGIN, "m", self.Model()).create(LABELS, [], 1, None)

    def test_labels_that_come_back_in_another_order_are_refused(self, tmp_path):
        with pytest.raises(PluginError, match=r"model 'm': load gave a classifier of Labels\(names=\('b', 'a'\)"):
            BuiltModel(PLUGIN, "m", self.Model()).load(tmp_path, LABELS)

    def test_a_full_disk_is_the_hosts_fault_and_not_the_plugins(self, tmp_path):
        model = BuiltModel(PLUGIN, "m", self.Model())
        with pytest.raises(HostError, match="the disk is full"):
            model.save(model.load(tmp_path), tmp_path)


def good_prediction(**changes):
    probabilities = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], np.float32)
    values = {"probabilities": probabilities, "tokens": np.array([3, 4, 5]), "truncated": np.zeros(3, bool)}
    return Prediction(**values | changes)


class TestPredictions:
    def test_one_that_keeps_the_contract_is_given_back(self):
        prediction = good_prediction()
        assert check_prediction(prediction, 3, LABELS, "who") is prediction

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"probabilities": np.full((3, 2), np.nan, np.float32)}, "not all between 0 and 1"),
            ({"probabilities": np.array([[2, -1]] * 3, np.float32)}, "not all between 0 and 1"),
            ({"probabilities": np.full((3, 2), 0.9, np.float32)}, "do not sum to 1"),
            (
                {"probabilities": np.full((2, 2), 0.5, np.float32)},
                r"float32 of shape \(3, 2\), not float32 of shape \(2, 2\)",
            ),
            ({"probabilities": np.full((3, 2), 0.5)}, "not float64 of shape"),
            ({"probabilities": [[0.5, 0.5]] * 3}, "not list of shape"),
            ({"tokens": np.array([1, 2])}, r"tokens of shape \(3,\), not \(2,\)"),
            ({"truncated": np.zeros((3, 1), bool)}, r"truncated of shape \(3,\), not \(3, 1\)"),
        ],
    )
    def test_one_that_breaks_the_contract_names_the_trainer(self, changes, message):
        with pytest.raises(PluginError, match=f"^plugin 'x': trainer 't' .*{message}"):
            check_prediction(good_prediction(**changes), 3, LABELS, "plugin 'x': trainer 't'")

    def test_none_at_all_names_the_trainer(self):
        with pytest.raises(PluginError, match=r"^trainer 't' must give a Prediction, not NoneType$"):
            check_prediction(None, 3, LABELS, "trainer 't'")

    def test_several_labels_need_not_sum_to_1(self):
        prediction = good_prediction(probabilities=np.full((3, 2), 0.9, np.float32))
        check_prediction(prediction, 3, Labels(("a", "b"), multi_label=True), "who")
