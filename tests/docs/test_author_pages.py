"""What the pages for plugin authors say, the code does."""

from __future__ import annotations

import inspect
import json
import logging
import os
import re
import subprocess
import sys
import tomllib
import types
import warnings
from contextlib import contextmanager

import numpy as np
import pytest

import clsfw
from clsfw import errors
from clsfw.contract.parts import ChecksPlan, NamesScores, PlanFacts
from clsfw.discovery.plugins import discover
from clsfw.discovery.registration import register
from clsfw.testing import (
    Listener,
    check_model,
    data_checks,
    metric_checks,
    model_checks,
    trainer_checks,
    watcher_checks,
)

PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
TOML = re.compile(r"^( *)```toml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = ("plugin-settings", "plugin-manners", "test-a-plugin", "publish-a-plugin", "support-several-versions")


@pytest.fixture
def page(root):
    return lambda name: (root / f"docs/how-to/{name}.md").read_text(encoding="utf-8")


def module_of(text, name):
    module = types.ModuleType(name)
    sys.modules[name] = module  # pydantic looks there for what annotations name
    for code in PYTHON.findall(text):
        exec(compile(code, name, "exec"), vars(module))
    return module


class TestSettingsPage:
    @pytest.fixture
    def shown(self, page, monkeypatch):
        monkeypatch.setitem(sys.modules, "settings_page", None)
        return module_of(page("plugin-settings"), "settings_page")

    def test_every_field_has_a_description(self, shown):
        models = [m for m in vars(shown).values() if inspect.isclass(m) and issubclass(m, clsfw.Settings)]

        assert 7 == len(models)
        assert [] == [n for m in models for n, f in m.model_fields.items() if not f.description]

    def test_fields_are_checked_against_each_other(self, shown):
        with pytest.raises(ValueError, match="longest must be at least 3, not 2"):
            shown.Range(shortest=3)

    def test_a_trainer_looks_at_the_rest_of_the_recipe(self, shown):
        settings = shown.TrainerSettings(eval_steps=5, metric_for_best_model="f2")
        problems = list(settings.check_plan(PlanFacts(frozenset({"train", "test"}), {"f1": True})))

        assert isinstance(settings, ChecksPlan)
        assert ["eval_steps", "metric_for_best_model"] == [key for key, _ in problems]

    def test_a_metric_names_its_scores(self, shown):
        assert isinstance(shown.MetricSettings(), NamesScores)
        assert {"x_error_rate": False} == shown.MetricSettings(prefix="x_").score_names()


class TestTestingPage:
    @pytest.mark.thorough
    def test_its_tests_pass(self, page, tmp_path):
        file = tmp_path / "test_page.py"
        file.write_text("\n\n".join(PYTHON.findall(page("test-a-plugin"))), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(file)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

        assert 0 == result.returncode, result.stdout
        assert "16 passed" in result.stdout

    def test_it_tells_of_every_kind(self, page):
        table = page("test-a-plugin").split("| --- | --- |\n")[1].split("\n\n")[0]

        assert [
            "the plugin",
            "settings",
            "data",
            "models",
            "trainers",
            "metrics",
            "watchers",
            "searchers",
            "exporters",
            "executors",
            "all of them",
        ] == [line.split("|")[1].strip() for line in table.splitlines()]

    @pytest.mark.parametrize(
        "module", [data_checks, model_checks, trainer_checks, metric_checks, watcher_checks], ids=lambda m: m.__name__
    )
    def test_every_check_says_what_it_demands(self, module):
        assert [] == [check.__name__ for check in module.CHECKS if not (check.__doc__ or "").strip()]


class TestVersionsPage:
    def test_the_hooks_register(self, page):
        module = module_of(page("support-several-versions"), "versions_page")
        del sys.modules["versions_page"]
        manager = register("versions", module)

        assert 1 == len(manager.hook.register_metrics.get_hookimpls())

    def test_a_watcher_takes_arguments_that_it_does_not_know(self, page):
        module = module_of(page("support-several-versions"), "versions_page")
        del sys.modules["versions_page"]
        told = Listener()
        module.Quiet().on_run_end(run=types.SimpleNamespace(reporter=told), error=None, of_a_later_version=1)

        assert ["done"] == told.notes

    def test_a_missing_name_is_none(self, page):
        module = module_of(page("support-several-versions"), "versions_page")
        del sys.modules["versions_page"]

        assert module.a_name_of_a_later_version is None


class TestMannersPage:
    @pytest.fixture
    def shown(self, page, monkeypatch):
        monkeypatch.setitem(sys.modules, "manners_page", None)
        return module_of(page("plugin-manners"), "manners_page")

    def test_progress_and_a_note_reach_the_reporter(self, shown, tmp_path):
        (tmp_path / "texts.txt").write_text("a\nb\n", encoding="utf-8")
        told = Listener()

        assert ["a", "b"] == shown.read(tmp_path / "texts.txt", told)
        assert ["2 texts"] == told.notes

    def test_a_library_is_quiet_in_the_block_and_as_before_after_it(self, shown, recwarn):
        logger = logging.getLogger("some.library")
        logger.setLevel(logging.INFO)
        with shown.quiet("some.library"):
            warnings.warn("not seen", UserWarning, stacklevel=1)
            inside = logger.level

        assert (logging.ERROR, logging.INFO) == (inside, logger.level)
        assert [] == list(recwarn)

    def test_the_cache_is_filled_once(self, shown, tmp_path, monkeypatch):
        monkeypatch.setenv("CLSFW_CACHE", str(tmp_path))
        fetched = []

        def fetch():
            fetched.append(1)
            return b"table"

        files = {shown.table("1", fetch, Listener()) for _ in range(2)}

        assert ({tmp_path / "my-plugin" / "table-1.bin"}, [1]) == (files, fetched)

    def test_the_clock_is_told(self, shown):
        names = []

        @contextmanager
        def timed(name):
            names.append(name)
            yield

        model, trainer = types.SimpleNamespace(features=list), types.SimpleNamespace(learn=lambda *_: None)
        shown.fit(trainer, model, {"train": {"text": [], "label": []}}, types.SimpleNamespace(timed=timed))

        assert ["tokenize_seconds", "train_seconds"] == names


def test_the_linear_model_of_the_trainers_page_is_trained_by_sklearn_fit(root, monkeypatch):
    text = (root / "docs/reference/trainers.md").read_text(encoding="utf-8").split("\n## sklearn-fit\n")[1]
    shown = module_of(text.split("\n## ")[0], "linear_page")
    monkeypatch.delitem(sys.modules, "linear_page")

    class Model:
        def create(self, labels, texts, seed, reporter):
            return shown.LetterCounts(labels, "".join(sorted(set("".join(texts)))))

        def load(self, directory):
            try:
                facts = json.loads((directory / "letters.json").read_text(encoding="utf-8"))
            except OSError as exc:
                raise clsfw.ModelError(str(exc)) from exc
            labels = clsfw.Labels(tuple(facts["labels"]), facts["multi_label"])
            classifier = shown.LetterCounts(labels, facts["letters"])
            classifier.weights, classifier.bias = (np.load(directory / f"{n}.npy") for n in ("weights", "bias"))
            return classifier

    component = clsfw.Component(name="letters", summary="s", settings=clsfw.Settings, build=lambda _: Model())
    _, trainer = discover().components("trainer")["sklearn-fit"]

    assert isinstance(shown.LetterCounts(clsfw.Labels(("a", "b")), "xy"), clsfw.LinearClassifier)
    check_model(component, trainer=trainer)


@pytest.mark.parametrize("name", PAGES)
def test_every_toml_block_can_be_read(name, page):
    for indent, text in TOML.findall(page(name)):
        tomllib.loads("\n".join(line.removeprefix(indent) for line in text.splitlines()))


def test_every_error_has_its_heading_with_its_exit_code(root):
    text = (root / "docs/reference/errors.md").read_text(encoding="utf-8")
    kinds = [v for v in vars(errors).values() if inspect.isclass(v) and issubclass(v, errors.ClsfwError)]
    codes = {
        kind.__name__: "128 + signal" if kind is errors.InterruptedRunError else str(kind.exit_code)
        for kind in kinds
        if kind is not errors.ClsfwError
    }

    assert codes == dict(re.findall(r"^## (\w+) \(exit code ([^)]*)\)$", text, re.MULTILINE))


def test_every_link_between_pages_leads_somewhere(root):
    pages = [*(root / "docs").rglob("*.md"), root / "README.md"]
    broken = [
        f"{file.relative_to(root)}: {target}"
        for file in pages
        if "examples" not in file.parts
        for target in LINK.findall(file.read_text(encoding="utf-8"))
        if "://" not in target and not target.startswith("mailto:") and not (file.parent / target).exists()
    ]

    assert [] == broken
