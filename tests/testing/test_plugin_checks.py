"""Each check of whole plugins, and of watchers, fails a plugin that is bad in just its way."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path

import pytest

from clsfw.discovery.plugins import discover
from clsfw.errors import ContractError, UsageError
from clsfw.testing import check_light_import, check_watcher, checks, import_checks, watcher_checks
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject

LIGHT = """
import clsfw

@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="light", summary="s", settings=clsfw.Settings, build=print)]
"""
WATCH = """
import os, random, socket, sys
import clsfw

class Looks:
    def {hook}({arguments}):
        {body}

@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="looks", summary="s", settings=clsfw.Settings, build=lambda _: Looks())]
"""

BAD_IMPORTS = [
    ("import scipy\n" + LIGHT, "importing it imports scipy; import that in `build`"),
    ("print('welcome')\n" + LIGHT, "importing it prints 'welcome'"),
    ("import os\nos._exit(3)\n", "Python ended while it was imported"),
    ("raise ValueError('no')\n", r"is broken: ValueError: no \(.*:1\)"),
]

BAD_WATCHERS = [
    (watcher_checks.watches_a_run_to_its_end, "on_step", "values['accuracy']", "KeyError: 'accuracy'"),
    (watcher_checks.watches_a_run_to_its_end, "on_run_end", "assert error is None", "AssertionError"),
    (watcher_checks.watches_a_run_to_its_end, "on_run_end", "sys.exit(0)", "SystemExit: 0"),
    (watcher_checks.watches_a_run_to_its_end, "on_run_start", "run.record(watched=True)", "has no attribute 'record'"),
    (watcher_checks.watches_a_run_to_its_end, "on_step", "run.labels = None", "a run is read-only, so 'labels' cannot"),
    (watcher_checks.watches_a_run_to_its_end, "on_step", "run.data['test'] = run.data['train']", "item assignment"),
    (
        watcher_checks.leaves_the_run_as_it_was,
        "on_step",
        "(run.directory / 'mine.txt').write_text('x')",
        "the run ends differently when it is watched",
    ),
    (
        watcher_checks.works_offline,
        "on_run_start",
        "socket.getaddrinfo('localhost', 80)",
        "Network is unreachable",
    ),
    (watcher_checks.leaves_surroundings_alone, "on_step", "random.random()", "Python's random"),
    (watcher_checks.leaves_surroundings_alone, "on_run_end", "os.chdir('/')", "the working directory"),
]
ARGUMENTS = {
    "on_run_start": "self, run",
    "on_step": "self, run, step, values",
    "on_evaluate": "self, run, split, scores",
    "on_run_end": "self, run, error",
}


def watching(hook, body):
    return WATCH.format(hook=hook, arguments=ARGUMENTS[hook], body=body)


def component():
    (found,) = discover().named("acme").components["watcher"]
    return found


@pytest.fixture
def install(fake_distribution, monkeypatch):
    """Give a function that installs a module as the plugin `acme` for one test."""
    before = set(sys.modules)

    def make(source):
        site = fake_distribution("acme", {"acme_plugin.py": source}, "acme = acme_plugin")
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()

    yield make
    for name in set(sys.modules) - before:
        if name == "acme_plugin":
            del sys.modules[name]


def test_a_light_plugin_passes(install):
    install(LIGHT)
    check_light_import("acme")


@pytest.mark.parametrize(("source", "words"), BAD_IMPORTS, ids=["heavy", "loud", "deadly", "broken"])
def test_a_bad_import_fails(install, monkeypatch, source, words):
    install(LIGHT)
    plugin = discover().named("acme")
    # It is imported here already, so only the child meets the bad one.
    Path(sys.modules["acme_plugin"].__file__).write_text(source, encoding="utf-8")

    with pytest.raises(ContractError, match=words):
        Check(plugin, import_checks.imports_lightly)()


def test_a_good_watcher_passes(install):
    install(watching("on_step", "run.reporter.note(str(step))"))
    check_watcher(component())


@pytest.mark.parametrize(
    ("check", "hook", "body", "words"), BAD_WATCHERS, ids=[f"{b[1]}: {b[2]}" for b in BAD_WATCHERS]
)
def test_a_bad_watcher_fails(install, check, hook, body, words):
    install(watching(hook, body))
    folder = os.getcwd()  # noqa: PTH109  # compared as it is
    with pytest.raises(ContractError, match=words) as caught:
        Check(Subject("watcher", component()), check)()

    assert str(caught.value).startswith("watcher 'looks'")
    assert folder == os.getcwd()  # noqa: PTH109  # as above


def test_every_check_has_a_bad_watcher():
    assert set(watcher_checks.CHECKS) == {check for check, *_ in BAD_WATCHERS}


def test_the_line_of_the_author_is_named_as_a_run_names_it(install):
    install(watching("on_step", "run.labels = None"))
    line = WATCH.splitlines().index("        {body}") + 1
    with pytest.raises(ContractError, match=rf"cannot be set \(.*acme_plugin.py:{line}\)"):
        check_watcher(component())


def test_the_network_is_back_after_a_check(install):
    install(watching("on_step", "pass"))
    before = socket.getaddrinfo
    check_watcher(component())

    assert before is socket.getaddrinfo


class TestChecks:
    def test_all_of_a_plugin_in_order(self, install):
        install(LIGHT)
        found = checks("acme")

        assert "plugin 'acme' (acme 1.2): imports-lightly" == str(found[0])
        assert {"metric 'light'", "plugin 'acme' (acme 1.2)"} == {str(check.subject) for check in found}
        assert [] == [str(check) for check in found if not check.summary]

    def test_a_broken_plugin_says_why(self, install):
        install("raise ValueError('no')\n")

        with pytest.raises(ContractError, match=r"plugin 'acme' \(acme 1.2\) is broken: ValueError: no"):
            checks("acme")

    def test_an_unknown_plugin_is_a_usage_error(self):
        with pytest.raises(UsageError, match="no installed plugin is called 'acme'; there are: csv, "):
            checks("acme")

    def test_settings_for_a_component_that_nobody_has(self):
        with pytest.raises(UsageError, match="settings for metric 'great', but no installed plugin has it"):
            checks("macro-metrics", {"metric": {"great": {}}})

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[metric", "cannot be read as TOML"),
            ("[metrics.x]", "'metrics' does not fit; write a table for each component"),
            ("[metric]\nx = 1", "'metric' does not fit"),
        ],
    )
    def test_a_settings_file_that_does_not_fit(self, tmp_path, text, words):
        (tmp_path / "settings.toml").write_text(text, encoding="utf-8")

        with pytest.raises(UsageError, match=words):
            checks("macro-metrics", tmp_path / "settings.toml")

    def test_a_settings_file_that_is_not_there(self, tmp_path):
        with pytest.raises(UsageError, match=r"none\.toml: there is no such file of settings$"):
            checks("macro-metrics", tmp_path / "none.toml")
