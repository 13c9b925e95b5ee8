"""Watching hooks in real runs: who is called, and what happens when one of them fails."""

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
plugins = [{plugins}]

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
WATCHER = """
import sys
import clsfw

calls = []

@clsfw.hookimpl
def on_run_start(run):
    calls.append("start")

@clsfw.hookimpl
def {hook}({arguments}):
    calls.append("{hook}")
    {body}
"""


@pytest.fixture
def run(fake_distribution, monkeypatch, tmp_path):
    """Give a function that runs the small plugin's recipe beside an installed watcher."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EARLIER))

    def start(source, plugins='"watcher"'):
        site = fake_distribution("acme-watch", {"acme_watch.py": source}, "watcher = acme_watch", version="0.7")
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        Path("recipe.toml").write_text(RECIPE.format(plugins=plugins), encoding="utf-8")
        return main(["run", "recipe.toml", "--out", "run"])

    yield start
    for name in ("acme_watch", "acme_words"):
        sys.modules.pop(name, None)


def source(hook="on_run_end", arguments="error", body="pass"):
    return WATCHER.format(hook=hook, arguments=arguments, body=body)


FAILING = [
    ("on_step", "step", "raise ValueError(f'at {step}')", "ValueError: at 1"),
    ("on_step", "values", "values['accuracy']", "KeyError: 'accuracy'"),
    ("on_evaluate", "scores", "sys.exit(0)", "SystemExit: 0"),
    ("on_run_end", "error", "raise OSError('no')", "OSError: no"),
]


@pytest.mark.parametrize(("hook", "arguments", "body", "words"), FAILING, ids=[f"{f[0]}: {f[2]}" for f in FAILING])
def test_a_failing_watcher_ends_the_run_with_its_name_and_line(run, capsys, tmp_path, hook, arguments, body, words):
    code = run(source(hook, arguments, body))
    line = source(hook, arguments, body).splitlines().index(f"    {body}") + 1
    place = tmp_path / "site/acme_watch.py"

    assert 4 == code
    expected = f"plugin 'watcher' (acme-watch 0.7) failed in hook {hook}: {words} ({place}:{line})"
    assert expected in capsys.readouterr().err


def test_a_run_whose_watcher_failed_is_not_complete(run):
    run(source(*FAILING[0][:3]))

    assert "failed" == json.loads(Path("run/run.json").read_text(encoding="utf-8"))["state"]


def test_the_end_is_told_to_a_watcher_that_failed_before(run):
    run(
        source("on_step", "step", "raise ValueError")
        + "\n@clsfw.hookimpl\ndef on_run_end(error):\n    calls.append(error)\n"
    )

    assert "PluginError" == type(sys.modules["acme_watch"].calls[-1]).__name__


def test_a_watcher_that_is_only_installed_is_not_called(run):
    assert 0 == run(source(), plugins="")
    assert [] == sys.modules["acme_watch"].calls


def test_a_listed_watcher_is_called_from_start_to_end(run):
    assert 0 == run(source())
    assert ["start", "on_run_end"] == sys.modules["acme_watch"].calls


def test_a_watcher_changes_neither_scores_nor_history(run, tmp_path):
    run(source("on_step", "step", "pass"))
    files = {name: Path("run", name).read_bytes() for name in ("metrics.json", "history.jsonl", "predictions.csv")}
    Path("run").rename("watched")
    Path("recipe.toml").write_text(RECIPE.format(plugins=""), encoding="utf-8")
    main(["run", "recipe.toml", "--out", "run"])

    assert files == {name: Path("run", name).read_bytes() for name in files}
