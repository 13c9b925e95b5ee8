"""A bundled plugin is a plugin like any other: lifted out of `plugins/` into a package of its own, it works the same.

The environment has a clsfw without bundled plugins, so that the lifted one shares its names with nobody.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

LIFTED = {
    "csv": ("clsfw_csv",),
    "gpu-trainer": ("clsfw_gpu_trainer", "clsfw_torch"),
    "sklearn": ("clsfw_sklearn",),
}
"""The entry points, with the packages that move."""

SETTINGS = {
    "csv": "".join(
        f'[data.{source}]\nsource = "{file}"\n'
        for source, file in {
            "csv": "reviews.csv",
            "imdb-csv": "movies.csv",
            "jsonl": "reviews.jsonl",
            "parquet": "reviews.parquet",
        }.items()
    ),
    "gpu-trainer": "",
    "sklearn": "",
}
"""What `clsfw test-plugin` tries them with."""

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "lifted-{name}"
version = "1.2.3"
dependencies = ["clsfw"]

[project.entry-points.clsfw]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
packages = {packages}
"""


def child(*command, cwd):
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, check=False, timeout=300)
    assert 0 == result.returncode, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def python(root, tmp_path_factory):
    """Return the Python of a new environment that holds the core of clsfw and each lifted plugin, installed by pip."""
    folder = tmp_path_factory.mktemp("lifted")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv/bin/python"
    site = Path(child(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    libraries = [path for path in sys.path if Path(path).name == "site-packages"]  # without the checkout
    (site / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")

    core = folder / "core"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "clsfw", core / "clsfw", ignore=ignored)
    shutil.copytree(root / "recipes", core / "recipes", ignore=ignored)
    for name in ("README.md", "LICENSE"):
        shutil.copy(root / name, core)
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    project = re.sub(r"(?m)^\[project\.entry-points\.clsfw\]\n(.+\n)+", "", project)
    project = re.sub(r'(?m)^ *"plugins/\w+",\n', "", project)
    (core / "pyproject.toml").write_text(project, encoding="utf-8")

    packages = [core]
    for name, modules in LIFTED.items():
        package = folder / f"lifted-{name}"
        for module in modules:
            shutil.copytree(root / "plugins" / module, package / module, ignore=ignored)
        text = PROJECT.format(name=name, module=modules[0], packages=list(modules))
        (package / "pyproject.toml").write_text(text, encoding="utf-8")
        packages.append(package)
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    child(python, "-m", "pip", "install", *options, *map(str, packages), cwd=folder)
    return python


def test_it_comes_from_its_own_distribution(python, tmp_path):
    listed = json.loads(child(python, "-m", "clsfw", "list-plugins", "--json", cwd=tmp_path))

    assert [(name, f"lifted-{name}", "1.2.3", "ok") for name in LIFTED] == [
        (plugin["name"], plugin["distribution"], plugin["version"], plugin["state"]) for plugin in listed
    ]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.thorough] * (name != "csv")) for name in LIFTED]
)
def test_it_passes_the_kit(name, python, root, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(SETTINGS[name], encoding="utf-8")
    for file in (root / "tests/testing/data").glob("*s.*"):
        shutil.copy(file, tmp_path)
    output = child(python, "-m", "clsfw", "test-plugin", name, "--settings", settings, cwd=tmp_path)

    assert output.splitlines()[-1].endswith(" 0 failed")
