"""Watchers in real runs: what they are told, and what becomes of one that fails."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

from clsfw.cli import main

EARLIER = Path(__file__).parents[1] / "contract/data/built_for_0_1"
RECIPE = """
schema = 1
name = "watched"

[data]
use = "made"

[split]
method = "in-order"
train = 40
validation = 10
test = 10

[model]
use = "letters"

[trainer]
use = "letter-steps"

[[metrics]]
use = "hits"
"""
TABLE = """
[[watchers]]
use = "peep"
"""
REQUIRED = TABLE + "required = true\n"
WATCHER = """
import sys
import clsfw

calls = []

class Peep:
    def on_run_start(self, run):
        calls.append("start")

    def {hook}({arguments}):
        calls.append("{hook}")
        {body}

@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="peep", summary="s", settings=clsfw.Settings, build=lambda _: Peep())]
"""
ARGUMENTS = {
    "on_run_start": "self, run",
    "on_step": "self, run, step, values",
    "on_evaluate": "self, run, split, scores",
    "on_run_end": "self, run, error",
}


@pytest.fixture
def run(fake_distribution, monkeypatch, tmp_path):
    """Give a function that runs the small plugin's recipe beside an installed watcher."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EARLIER))

    def start(source, table=TABLE):
        site = fake_distribution("acme-watch", {"acme_watch.py": source}, "watcher = acme_watch", version="0.7")
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        Path("recipe.toml").write_text(RECIPE + table, encoding="utf-8")
        return main(["run", "recipe.toml", "--out", "run"])

    yield start
    for name in ("acme_watch", "acme_words"):
        sys.modules.pop(name, None)


def source(hook="on_run_end", body="pass"):
    return WATCHER.format(hook=hook, arguments=ARGUMENTS[hook], body=body)


def record():
    return json.loads(Path("run/run.json").read_text(encoding="utf-8"))


FAILING = [
    ("on_step", "raise ValueError(f'at {step}')", "ValueError: at 1"),
    ("on_step", "values['accuracy']", "KeyError: 'accuracy'"),
    ("on_evaluate", "sys.exit(0)", "SystemExit: 0"),
    ("on_evaluate", "run.labels = None", "AttributeError: a run is read-only, so 'labels' cannot be set"),
    ("on_step", "run.data['test'] = run.data['train']", "does not support item assignment"),
    ("on_step", "run.log(step, values)", "has no attribute 'log'"),
    ("on_run_start", "raise clsfw.HostError('no disk')", None),
]


@pytest.mark.parametrize(("hook", "body", "words"), FAILING, ids=[f"{f[0]}: {f[1]}" for f in FAILING])
class TestOneThatFails:
    def told(self, hook, body, words, tmp_path):
        if words is None:
            return "no disk"
        line = source(hook, body).splitlines().index(f"        {body}") + 1
        start = f"plugin 'watcher' (acme-watch 0.7) failed in {hook} of watcher 'peep': "
        return start, words, f" ({tmp_path / 'site/acme_watch.py'}:{line})"

    def test_is_set_aside_with_a_warning_that_the_run_keeps(self, run, capsys, tmp_path, hook, body, words):
        code = run(source(hook, body))
        kept = record()["warnings"]

        assert 0 == code
        assert 1 == len(kept)
        assert kept[0].startswith("watcher 'peep' failed and is not called again: ")
        assert [] == [part for part in self.told(hook, body, words, tmp_path) if part not in kept[0]]
        assert "'peep' failed and is not called again" in capsys.readouterr().out
        assert 1 == sys.modules["acme_watch"].calls.count(hook)

    def test_ends_the_run_if_it_is_required(self, run, capsys, tmp_path, hook, body, words):
        code = run(source(hook, body), REQUIRED)
        err = capsys.readouterr().err

        assert (4 if words else 6) == code
        assert [] == [part for part in self.told(hook, body, words, tmp_path) if part not in err]
        assert "failed" == record()["state"]

    def test_changes_neither_scores_nor_history(self, run, hook, body, words):
        run(source(hook, body))
        files = {name: Path("run", name).read_bytes() for name in ("metrics.json", "history.jsonl", "predictions.csv")}
        Path("run").rename("watched")
        Path("recipe.toml").write_text(RECIPE, encoding="utf-8")
        main(["run", "recipe.toml", "--out", "run"])

        assert files == {name: Path("run", name).read_bytes() for name in files}


def test_a_failure_at_the_very_end_is_a_warning_beside_a_complete_run(run, capsys):
    assert 0 == run(source("on_run_end", "raise OSError('no')"))
    assert "complete" == record()["state"]
    assert "OSError: no" in capsys.readouterr().out


def test_a_watcher_that_is_only_installed_is_not_called(run):
    assert 0 == run(source(), "")
    assert [] == sys.modules["acme_watch"].calls


def test_a_watcher_is_called_from_start_to_end(run):
    assert 0 == run(source())
    assert ["start", "on_run_end"] == sys.modules["acme_watch"].calls


def test_a_watcher_that_cannot_be_built_is_found_before_the_data_is_read(run, capsys):
    assert 4 == run(source().replace("lambda _: Peep()", "lambda _: None"))

    told = capsys.readouterr()
    assert "plugin 'watcher' (acme-watch 0.7): build of watcher 'peep' gave None" in told.err
    assert "acme_watch.py:1" in told.err
    assert "reading the data" not in told.out
