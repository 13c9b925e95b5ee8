"""Group C: what a plugin can get wrong, told with its name, distribution, version and the author's own line."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import pytest
from support.plugin_faults import PLUGIN_FAULTS, lay_out

from clsfw.store.rundir import read_run

GREAT = """
import clsfw

{before}

@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="great", summary="a metric", settings=clsfw.Settings, build={build})]
"""


def metric(returned, before="pass"):
    code = f"type('M', (), {{'compute': lambda self, outcome: {returned}}})()"
    return GREAT.format(before=before, build=f"lambda _: {code}")


@pytest.mark.parametrize("case", PLUGIN_FAULTS, ids=lambda case: f"{case['number']}-{case['title']}")
def test_a_broken_plugin_that_the_recipe_needs_is_named_with_its_reason(case, refused, site, fake_distribution):
    lay_out(case, fake_distribution)
    importlib.invalidate_caches()
    name = case.get("plugin", case["title"])

    answer = refused(4, "run", "quickstart", "--set", f'watchers=[{{use="{name}"}}]')

    assert f"plugin '{name}' (acme-{case['title']} 1.2)" in answer.told
    assert [] == [words for words in case["reason"] if words not in answer.told]
    lines = case["module"].splitlines()
    module = "acme_" + case["title"].replace("-", "_")
    places = [f"{site / module}.py:{number}" for number, line in enumerate(lines, 1) if line.endswith("# <- here")]
    assert [] == [place for place in places if place not in answer.told]


def test_33_a_broken_plugin_that_nobody_needs_stops_nothing(cli, install):
    install("broken", "import a_library_that_nobody_has")

    assert 0 == cli("show", "quickstart").code


def test_33_a_component_that_only_a_broken_plugin_gives(refused, install):
    file = install("broken", "raise OSError('no licence')")

    answer = refused(4, "run", "quickstart", "--set", "model.use=broken")

    assert f"plugin 'broken' (acme-broken 1.2) is broken: OSError: no licence ({file}:1)" in answer.told


WATCHER = """
import clsfw

class Peep(clsfw.Watcher):
    def on_step(self, run, step, values):
        {body}  # <- here

@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="peep", summary="s", settings=clsfw.Settings, build=lambda _: Peep())]
"""
WATCHED = ("seed = 7", 'seed = 7\n[[watchers]]\nuse = "peep"\nrequired = true\n')


def test_40_a_required_watcher_that_fails_loses_no_checkpoint(toy, cli, install, tmp_path):
    install("watcher", WATCHER.format(body="assert step < 7"))

    answer = cli("run", toy(WATCHED), "--out", "run")

    assert 4 == answer.code
    assert "plugin 'watcher' (acme-watcher 1.2) failed in on_step of watcher 'peep': AssertionError" in answer.told
    assert "failed" == read_run(tmp_path / "run", allow_incomplete=True)["state"]
    assert (tmp_path / "run" / "checkpoints" / "step-6").is_dir()


def test_40_a_watcher_that_fails_at_the_end_does_not_hide_why_the_run_ended(toy, cli, install, tmp_path):
    end = "\n    def on_run_end(self, run, error):\n        raise clsfw.HostError('the watcher has no disk')\n"
    install("last", WATCHER.format(body="pass").replace("\n@clsfw", f"{end}\n@clsfw"))
    install("great", metric("{'x': float('nan')}"))

    answer = cli("run", toy(WATCHED, ("macro-metrics", "great")), "--out", "run")

    assert 4 == answer.code
    assert "error: plugin 'great' (acme-great 1.2): metric 'great' gives 'x' = nan" in answer.told
    assert "warning: the watcher has no disk" in answer.told


def test_40_an_error_in_build(toy, cli, install):
    file = install("great", GREAT.format(before="def build(settings):\n    return settings.size", build="build"))

    answer = cli("run", toy(("macro-metrics", "great")), "--out", "run")

    assert 4 == answer.code
    assert "plugin 'great' (acme-great 1.2)" in answer.told
    assert f"({file}:5)" in answer.told


def test_45_a_blocked_plugin(refused, toy, monkeypatch):
    recipe = toy()
    monkeypatch.setenv("CLSFW_PLUGINS", "")

    answer = refused(2, "run", recipe)

    assert "'toy'" in answer.told


def test_45_a_watcher_of_a_blocked_plugin(refused, toy, install, monkeypatch):
    install("peep", WATCHER.format(body="pass"))
    monkeypatch.setenv("CLSFW_PLUGINS", "toys,macro-metrics,csv")

    answer = refused(4, "run", toy(WATCHED))

    assert "recipe.toml:5:7:" in answer.told
    assert "plugin 'peep' (acme-peep 1.2) is blocked: not in CLSFW_PLUGINS" in answer.told


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("{'x': float('nan')}", "gives 'x' = nan, which is not a finite number"),
        ("{'x': float('inf')}", "gives 'x' = inf"),
        ("{'x': 10**400}", "gives 'x' = inf"),
        ("{'': 1.0}", "names a score ''; use a line of text"),
        ("{7: 1.0}", "names a score 7"),
        ("{'a\\x1b[31m': 1.0}", "names a score 'a\\x1b[31m'"),
        ("{'x': {'y': 1}}", "'x' is dict"),
        ("{'x': '0.5'}", "'x' is str"),
        ("{'x': True}", "'x' is bool"),
        ("{'x': __import__('numpy').ones(3)}", "'x' is ndarray"),
        ("0.5", "must give a mapping of names to numbers, not float"),
        ("None", "must give a mapping of names to numbers, not NoneType"),
    ],
)
def test_47_what_no_metric_may_give(returned, words, toy, cli, install):
    install("great", metric(returned))

    answer = cli("run", toy(("macro-metrics", "great")), "--out", "run")

    assert 4 == answer.code
    assert "plugin 'great' (acme-great 1.2): metric 'great'" in answer.told
    assert words in answer.told


TRAINER = """
import clsfw

@clsfw.hookimpl
def register_trainers():
    return [clsfw.Component(name="cheat", summary="a trainer", settings=clsfw.Settings, build=build)]

def build(settings):
    from clsfw.testing import ToyTrainer

    class Cheat(ToyTrainer):
        def fit(self, model, data, run):
            super().fit(model, data, run)
            {body}  # <- here

    return {built}
"""
SWAPS = {
    "run.data['test'] = run.data['train']": "does not support item assignment",
    "data['test'] = data['train']": "does not support item assignment",
    "run.data = dict(run.data, test=run.data['train'])": "a run is read-only, so 'data' cannot be set",
    "run.labels = None": "a run is read-only, so 'labels' cannot be set",
}


@pytest.mark.parametrize("body", SWAPS)
def test_1_a_trainer_that_would_change_what_is_scored_is_named_with_its_line(body, toy, cli, install, tmp_path):
    file = install("cheat", TRAINER.format(body=body, built="Cheat()"))
    line = file.read_text(encoding="utf-8").splitlines().index(f"            {body}  # <- here") + 1

    answer = cli("run", toy(('[trainer]\nuse = "toy"', '[trainer]\nuse = "cheat"')), "--out", "run")

    assert 4 == answer.code
    assert "plugin 'cheat' (acme-cheat 1.2) failed in fit of trainer 'cheat': " in answer.told
    assert SWAPS[body] in answer.told
    assert f"({file}:{line})" in answer.told
    assert "failed" == read_run(tmp_path / "run", allow_incomplete=True)["state"]


def test_1_what_a_trainer_does_to_a_split_in_place_changes_no_score(toy, cli, install, tmp_path):
    body = "split = run.data['test']; split._data = run.data['train']._data; split.set_format('numpy')"
    install("cheat", TRAINER.format(body=body, built="Cheat()"))

    assert 0 == cli("run", toy(('[trainer]\nuse = "toy"', '[trainer]\nuse = "cheat"')), "--out", "run").code
    record = read_run(tmp_path / "run")
    assert 4 == record["data"]["splits"]["test"]["rows"]
    assert 5 == len((tmp_path / "run" / "predictions.csv").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("built", "words"),
    [
        ("None", "gave None; does it lack a `return`?"),
        ("Cheat", "gave a type, whose fit(self, model, data, run) does not take 3 arguments"),
        ("{}", "gave a dict, which has no method fit"),
    ],
)
def test_10_a_part_that_is_none_is_found_before_the_data_is_read(built, words, toy, refused, install):
    file = install("cheat", TRAINER.format(body="pass", built=built))

    answer = refused(4, "run", toy(('[trainer]\nuse = "toy"', '[trainer]\nuse = "cheat"')))

    assert f"plugin 'cheat' (acme-cheat 1.2): build of trainer 'cheat' {words} ({file}:8)" in answer.told
    assert "reading the data" not in answer.told


SAVES = """
import os
import clsfw
from clsfw.testing import ToyClassifier, ToyModel

class Saves(ToyClassifier):
    def save(self, directory):
        super().save(directory)
        {body}

class Model(ToyModel):
    def create(self, labels, texts, seed, reporter):
        return Saves(labels, super().create(labels, texts, seed, reporter).weights)

@clsfw.hookimpl
def register_models():
    return [clsfw.Component(name="saves", summary="a model", settings=clsfw.Settings, build=lambda _: Model())]
"""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("(directory / 'w.bin').symlink_to('/etc/hostname')", "saves w.bin, which is a symbolic link"),
        ("os.mkfifo(directory / 'w.bin')", "saves w.bin, which is not a plain file"),
        ("import pickle; (directory / 'w.bin').write_bytes(pickle.dumps({}))", "saves w.bin as a pickle"),
    ],
    ids=["link", "fifo", "pickle"],
)
def test_10_a_saved_model_holds_plain_files_alone(body, words, toy, cli, install, tmp_path):
    install("saves", SAVES.format(body=body))

    answer = cli("run", toy(('[model]\nuse = "toy"', '[model]\nuse = "saves"')), "--out", "run")

    assert 4 == answer.code
    assert f"plugin 'saves' (acme-saves 1.2): model 'saves' {words}" in answer.told
    assert not (tmp_path / "run" / "model").exists()
    assert (tmp_path / "run" / "checkpoints" / "step-8").is_dir()


def test_12_a_source_without_rows(toy, refused, install):
    source = """
import clsfw

@clsfw.hookimpl
def register_data_sources():
    return [clsfw.Component(name="empty", summary="no rows", settings=clsfw.Settings, build=lambda _: Empty())]

class Empty:
    def load(self, reporter):
        from datasets import ClassLabel, Dataset, Features, Value

        features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
        return Dataset.from_dict({"text": [], "label": []}, features=features)
"""
    install("empty", source)
    recipe = toy(('use = "csv"\nsource = "texts.csv"', 'use = "empty"'), ("in-order", "stratified"))

    for verb in ("check", "run"):
        assert "the data has no rows" in refused(3, verb, recipe).told


@pytest.mark.parametrize("arguments", [["list-plugins", "--json"], ["show", "quickstart", "--json"]])
def test_50_what_a_plugin_prints_stays_out_of_the_json(arguments, cli, install):
    install("loud", "print('hello')\nimport os, clsfw\nos.write(1, b'from below\\n')\n" + metric("{}"))

    answer = cli(*arguments)

    assert 0 == answer.code
    json.loads(answer.out)
    assert "hello" in answer.err


def test_51_a_plugin_that_ends_the_process_leaves_a_run_that_goes_on(toy, cli, install, tmp_path):
    body = "if step == 5 and os.environ.get('QUIT'): os._exit(77)"
    install("quitter", "import os\n" + WATCHER.format(body=body))
    recipe = toy(WATCHED)
    command = [sys.executable, "-m", "clsfw", "run", str(recipe), "--out", "run"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "QUIT": "1"}

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert 77 == done.returncode
    assert (tmp_path / "run" / "checkpoints" / "step-4").is_dir()
    assert "continued after step 4" in cli("run", recipe, "--out", "run").told


def test_52_a_library_that_a_plugin_asks_for_and_that_is_too_old(refused, install):
    install("picky", "from clsfw import hookimpl, NothingOfTheKind\n", requires=["clsfw>=9.1", "numpy>=99"])

    answer = refused(4, "run", "quickstart", "--set", 'watchers=[{use="picky"}]')

    assert "it asks for 'clsfw>=9.1'" in answer.told
