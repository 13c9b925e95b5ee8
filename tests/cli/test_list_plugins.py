"""`clsfw list-plugins`, in children of its own as a user starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest
from support.terminals import terminal

from clsfw.contract.component import KINDS

CATALOGUE = Path(__file__).parents[1] / "discovery/data/catalogue.toml"
CASES = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["case"]
MAIN = "import sys; from clsfw.cli import main; sys.exit(main())"

HEAVY = ("torch", "transformers", "datasets", "sklearn", "evaluate", "pandas", "matplotlib")
LOUD = """
import os, subprocess, sys
print("hello from Python")
os.write(1, b"hello from below\\n")
subprocess.run([sys.executable, "-c", "print('hello from a child')"])
import clsfw

@clsfw.hookimpl
def register_metrics():
    print("hello from a hook")
    return [clsfw.Component(name="loud", summary="it prints", settings=clsfw.Settings, build=print)]

@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="peep", summary="it looks", settings=clsfw.Settings, build=print)]
"""
EVIL_TEXT = """
import clsfw

@clsfw.hookimpl
def register_metrics():
    summary = "[bold]red\\x1b[31m\\u202e" + "long " * 40
    return [clsfw.Component(name="evil", summary=summary, settings=clsfw.Settings, build=print)]
"""


def clsfw(*arguments, site=None, code=MAIN, **environment):
    env = {**os.environ, "COLUMNS": "80", **environment}
    if site is not None:
        env["PYTHONPATH"] = str(site)
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)


@pytest.fixture(scope="module")
def all_broken(tmp_path_factory):
    """Lay every broken plugin of the catalogue into one folder, and one that works beside them."""
    site = tmp_path_factory.mktemp("site")
    for case in CASES:
        for prefix, key, name in (
            ("acme", "module", case["title"]),
            ("rival", "rival", case.get("rival_entry_point", case["title"])),
        ):
            if key in case:
                module = f"{prefix}_{case['title'].replace('-', '_')}"
                (site / f"{module}.py").write_text(case[key], encoding="utf-8")
                info = site / f"{module}-1.2.dist-info"
                info.mkdir()
                (info / "METADATA").write_text(f"Name: {prefix}-{case['title']}\nVersion: 1.2\n", encoding="utf-8")
                listed = case.get("entry_points", f"{name} = {module}") if key == "module" else f"{name} = {module}"
                (info / "entry_points.txt").write_text(f"[clsfw]\n{listed}\n", encoding="utf-8")
    return site


@pytest.fixture(scope="module")
def listed(all_broken):
    result = clsfw("list-plugins", "--json", site=all_broken)
    assert (0, "") == (result.returncode, result.stderr)
    return json.loads(result.stdout)


class TestWithEveryBrokenPlugin:
    def test_each_is_listed_as_broken_with_a_reason(self, listed):
        by_distribution = {plugin["distribution"]: plugin for plugin in listed}

        assert [] == [
            case["title"]
            for case in CASES
            if by_distribution[f"acme-{case['title']}"]["state"] != "broken"
            or not by_distribution[f"acme-{case['title']}"]["reason"]
        ]

    def test_the_bundled_ones_work(self, listed):
        bundled = {plugin["name"]: plugin["state"] for plugin in listed if plugin["distribution"] == "clsfw"}

        assert "ok" == bundled["macro-metrics"]

    def test_the_help_of_the_command_line_works(self, all_broken):
        result = clsfw("--help", site=all_broken)

        assert (0, "") == (result.returncode, result.stderr)
        assert "list-plugins" in result.stdout

    def test_on_a_terminal_the_list_fits_it_and_names_the_lines(self, all_broken):
        env = {**os.environ, "PYTHONPATH": str(all_broken), "TERM": "xterm", "NO_COLOR": "1"}
        with terminal(80) as screen:
            done = subprocess.Popen([sys.executable, "-c", MAIN, "list-plugins"], stdout=screen.stream, env=env)
            told = re.sub(r"\x1b\[[0-9;]*m", "", screen.rest(done)).split("\n")
        too_long = [line for line in told if len(line) > 80 and len(line.split()) > 1]

        assert [] == [line for line in too_long if "/" not in line and "acme-" not in line and "rival-" not in line]
        assert f"{all_broken / 'acme_exits_at_import.py'}:2" in "\n".join(told)


class TestTrulyInstalled:
    """What pip makes of a broken package is no different from what the fake distributions show."""

    PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-broken"
version = "2.5"

[project.entry-points.clsfw]
exits = "acme_broken.exits"
misspelt = "acme_broken.misspelt"
works = "acme_broken.works"
"""
    MODULES: ClassVar = {
        "__init__": "",
        "exits": "import sys\n\nsys.exit('no licence')\n",
        "misspelt": "import clsfw\n\n\n@clsfw.hookimpl\ndef register_metric():\n    return []\n",
        "works": "import clsfw\n\n\n@clsfw.hookimpl\ndef register_models():\n    return []\n",
    }

    def test_each_entry_point_stands_for_itself(self, tmp_path):
        package = tmp_path / "project/acme_broken"
        package.mkdir(parents=True)
        (tmp_path / "project/pyproject.toml").write_text(self.PYPROJECT, encoding="utf-8")
        for name, source in self.MODULES.items():
            (package / f"{name}.py").write_text(source, encoding="utf-8")
        site = tmp_path / "site"
        options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(tmp_path / "project")]
        subprocess.run(command, check=True)
        listed = json.loads(clsfw("list-plugins", "--json", site=site).stdout)
        folder = site / "acme_broken"

        assert {
            "exits": ("2.5", "broken", f"SystemExit: no licence ({folder / 'exits.py'}:3)"),
            "misspelt": (
                "2.5",
                "broken",
                f"unknown hook 'register_metric'; did you mean 'register_metrics'? ({folder / 'misspelt.py'}:4)",
            ),
            "works": ("2.5", "ok", None),
        } == {p["name"]: (p["version"], p["state"], p["reason"]) for p in listed if p["distribution"] == "acme-broken"}


class TestJson:
    def test_holds_what_the_documents_promise(self, fake_distribution):
        site = fake_distribution("loud", {"loud_plugin.py": LOUD}, "loud = loud_plugin")
        listed = json.loads(clsfw("list-plugins", "--json", site=site).stdout)
        expected = {
            "name": "loud",
            "distribution": "loud",
            "version": "1.2",
            "state": "ok",
            "reason": None,
            "components": [
                {"kind": "metric", "name": "loud", "summary": "it prints"},
                {"kind": "watcher", "name": "peep", "summary": "it looks"},
            ],
        }

        assert [expected] == [plugin for plugin in listed if plugin["name"] == "loud"]

    def test_what_a_plugin_prints_goes_to_standard_error(self, fake_distribution):
        site = fake_distribution("loud", {"loud_plugin.py": LOUD}, "loud = loud_plugin")
        result = clsfw("list-plugins", "--json", site=site)

        assert "hello" not in result.stdout
        assert {"hello from Python", "hello from below", "hello from a child", "hello from a hook"} == set(
            result.stderr.splitlines()
        )

    def test_every_kind_is_listed(self):
        listed = json.loads(clsfw("list-plugins", "--json").stdout)

        assert set(KINDS) == {c["kind"] for p in listed for c in p["components"]}


class TestPlainList:
    def test_shows_components(self, fake_distribution):
        site = fake_distribution("loud", {"loud_plugin.py": LOUD}, "loud = loud_plugin")
        lines = clsfw("list-plugins", site=site).stdout.splitlines()
        start = lines.index("loud  (loud 1.2)  ok")

        assert ["    metric   loud: it prints", "    watcher  peep: it looks"] == lines[start + 1 : start + 3]

    def test_text_of_a_plugin_cannot_control_the_terminal(self, fake_distribution):
        site = fake_distribution("evil", {"evil_plugin.py": EVIL_TEXT}, "evil = evil_plugin")
        output = clsfw("list-plugins", site=site).stdout

        assert "\x1b" not in output
        assert "\u202e" not in output
        assert "[bold]red[31m" in output

    def test_blocked_plugins_say_so(self):
        output = clsfw("list-plugins", CLSFW_PLUGINS="macro-metrics,nobody").stdout

        assert "not in CLSFW_PLUGINS" in output
        assert "1 ok, " in output
        assert "CLSFW_PLUGINS names 'nobody', but no such plugin is installed" in output


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list-plugins"], ["show", "quickstart"], ["schema"]], ids=lambda a: a[0].strip("-")
)
def test_no_heavy_library_is_imported(arguments):
    code = (
        "import sys\nfrom clsfw.cli import main\n"
        "try:\n    code = main()\nexcept SystemExit as exc:\n    code = exc.code\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    result = clsfw(*arguments, code=code)

    assert (0, "") == (result.returncode, result.stderr)
