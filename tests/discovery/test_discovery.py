"""Discovery: every way in which a plugin can be broken is named, and none of them touches another plugin."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys

import pytest
from support.plugin_faults import PLUGIN_FAULTS, lay_out

from clsfw.discovery.plugins import Plugin, discover, guard
from clsfw.errors import DataError, HostError

GOOD = """
import clsfw

class Settings(clsfw.Settings):
    pass

@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="good", summary="a good one", settings=Settings, build=print)]
"""
WATCHER = """
import clsfw

@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="peep", summary="it looks", settings=clsfw.Settings, build=print)]
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Give the folder of fake distributions, which stands first on the module path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.delenv("CLSFW_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("case", PLUGIN_FAULTS, ids=lambda case: case["title"])
class TestCatalogue:
    def broken(self, case, site, fake_distribution):
        module = lay_out(case, fake_distribution)
        importlib.invalidate_caches()
        found = [p for p in discover().all if p.distribution == f"acme-{case['title']}"]
        return found, site / f"{module}.py"

    def test_is_broken_by_name_distribution_and_version(self, case, site, fake_distribution):
        found, _ = self.broken(case, site, fake_distribution)

        assert [(case.get("plugin", case["title"]), "1.2", "broken")] == [(p.name, p.version, p.state) for p in found]

    def test_reason_says_what_and_where(self, case, site, fake_distribution):
        (plugin,), file = self.broken(case, site, fake_distribution)
        lines = case["module"].splitlines()
        place = [f"{file}:{number}" for number, line in enumerate(lines, 1) if line.endswith("# <- here")]

        assert [] == [part for part in case["reason"] + place if part not in plugin.reason], plugin.reason

    def test_leaves_the_others_usable(self, case, site, fake_distribution):
        lay_out(case, fake_distribution)
        fake_distribution("good", {"good_plugin.py": GOOD}, "good = good_plugin")
        importlib.invalidate_caches()
        plugins = discover()

        assert {"good", "macro-metrics"} <= set(plugins.components("metric"))
        assert "clsfw" == plugins.components("metric")["macro-metrics"][0].distribution


def test_an_entry_points_file_that_cannot_be_read_breaks_its_own_distribution_only(site, fake_distribution):
    fake_distribution("damaged", {}, "no equals sign", version="0.1")
    fake_distribution("good", {"good_plugin.py": GOOD}, "good = good_plugin")
    plugins = discover()
    damaged = plugins.named("damaged")

    assert "good" in plugins.components("metric")
    assert "macro-metrics" in plugins.components("metric")
    assert ("damaged", "0.1", "broken") == (damaged.distribution, damaged.version, damaged.state)
    assert damaged.reason.startswith("its entry_points.txt cannot be read: ")


def test_a_distribution_without_metadata_is_still_listed(site, fake_distribution):
    fake_distribution("nameless", {"good_plugin.py": GOOD}, "good = good_plugin")
    (site / "nameless-1.2.dist-info/METADATA").unlink()

    assert "plugin 'good' (unknown 0)" == str(discover().named("good"))


class TestAllowList:
    @pytest.fixture(autouse=True)
    def _two(self, site, fake_distribution):
        fake_distribution("good", {"good_plugin.py": GOOD}, "good = good_plugin")
        fake_distribution("watcher", {"watcher_plugin.py": WATCHER}, "watcher = watcher_plugin")

    def states(self):
        return {p.name: p.state for p in discover().all if p.name in {"good", "watcher", "macro-metrics"}}

    def test_unset_loads_all(self):
        assert {"good": "ok", "watcher": "ok", "macro-metrics": "ok"} == self.states()

    def test_empty_loads_the_bundled_ones_only(self, monkeypatch):
        monkeypatch.setenv("CLSFW_PLUGINS", "")

        assert {"good": "blocked", "watcher": "blocked", "macro-metrics": "ok"} == self.states()

    def test_names_load_only_those(self, monkeypatch):
        monkeypatch.setenv("CLSFW_PLUGINS", "watcher, macro-metrics")

        assert {"good": "blocked", "watcher": "ok", "macro-metrics": "ok"} == self.states()

    def test_a_blocked_plugin_is_not_imported(self, monkeypatch):
        monkeypatch.setenv("CLSFW_PLUGINS", "watcher")
        plugin = discover().named("good")

        assert "not in CLSFW_PLUGINS" == plugin.reason
        assert "good_plugin" not in sys.modules

    def test_blocking_one_of_two_rivals_frees_the_other(self, monkeypatch, fake_distribution):
        fake_distribution("rival", {"rival_plugin.py": GOOD}, "rival = rival_plugin")
        clashing = [discover().named(name).state for name in ("good", "rival")]
        monkeypatch.setenv("CLSFW_PLUGINS", "rival,watcher")

        assert ["broken", "broken"] == clashing
        assert "rival" == discover().components("metric")["good"][0].name


class TestPlugin:
    def test_an_optional_hook_of_a_newer_clsfw_is_no_fault(self, site, fake_distribution):
        source = GOOD + "\n@clsfw.hookimpl(optionalhook=True)\ndef on_checkpoint(run):\n    pass\n"
        fake_distribution("modern", {"modern_plugin.py": source}, "modern = modern_plugin")

        assert "ok" == discover().named("modern").state

    def test_an_object_can_hold_the_hooks(self, site, fake_distribution):
        method = "    @clsfw.hookimpl\n    def register_watchers(self):\n        return [self.made]\n"
        made = "clsfw.Component(name='peep', summary='s', settings=clsfw.Settings, build=print)"
        source = f"import clsfw\n\nclass Hooks:\n    made = {made}\n\n{method}\nhooks = Hooks()\n"
        fake_distribution("held", {"held_plugin.py": source}, "held = held_plugin:hooks")

        assert ["peep"] == [component.name for component in discover().named("held").components["watcher"]]

    def test_the_folder_of_a_package_is_where_its_code_lives(self, site, fake_distribution):
        fake_distribution("deep", {"deep/__init__.py": "", "deep/plugin.py": GOOD}, "deep = deep.plugin")

        assert site / "deep" == discover().named("deep").folder

    def test_provenance_changes_with_any_file_of_the_package(self, site, fake_distribution):
        fake_distribution("deep", {"deep/__init__.py": GOOD, "deep/heavy.py": "SIZE = 1\n"}, "deep = deep")
        plugin = discover().named("deep")
        first, again = plugin.provenance(), plugin.provenance()
        (site / "deep/heavy.py").write_text("SIZE = 2\n", encoding="utf-8")
        changed = plugin.provenance()

        assert first == again
        assert ("deep", "1.2") == (first["distribution"], first["version"])
        assert first["sha256"] != changed["sha256"]

    def test_provenance_passes_over_an_editors_lock(self, site, fake_distribution):
        fake_distribution("deep", {"deep/__init__.py": GOOD}, "deep = deep")
        plugin = discover().named("deep")
        before = plugin.provenance()
        (site / "deep/.#heavy.py").symlink_to("user@host.1234")

        assert before == plugin.provenance()


class TestGuard:
    def test_lets_the_errors_of_the_contract_pass_unchanged(self):
        plugin = discover([]).named("x")
        with pytest.raises(DataError, match=r"^line 3 is empty$"), guard(plugin, "data 'csv'"):
            raise DataError("line 3 is empty")

    def test_lets_an_interrupt_pass(self):
        with pytest.raises(KeyboardInterrupt), guard(None, "data 'csv'"):
            raise KeyboardInterrupt

    def test_finds_a_missing_library_behind_the_error_of_one_that_imports_its_parts_late(self):
        late = ModuleNotFoundError("Could not import module 'AttentionInterface'")
        late.__cause__ = ModuleNotFoundError("No module named 'not_here'", name="not_here.part")
        plugin = Plugin("x", "dist-x", "1", "ok")

        with pytest.raises(HostError, match="needs 'not_here', which is not installed"), guard(plugin, "build"):
            raise late


def test_the_order_of_the_plugins_is_that_of_their_names():
    entry_points = [*importlib.metadata.entry_points(group="clsfw")]
    forwards, backwards = discover(entry_points), discover(reversed(entry_points))
    names = [p.name for p in forwards.all]

    assert sorted(names) == names
    assert names == [p.name for p in backwards.all]
