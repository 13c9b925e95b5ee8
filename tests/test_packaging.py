"""The list of packages, the entry points and the folders say the same; the wheel carries what it needs."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT: dict[str, Any] = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
LIBRARIES = {"clsfw_runtime", "clsfw_torch"}  # plugins stand on them; they contribute nothing themselves
FOLDERS = sorted(path.name for path in (Path(__file__).parents[1] / "plugins").iterdir() if path.name[0] != ".")


def test_every_plugin_folder_is_in_the_wheel() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert ["clsfw", *(f"plugins/{name}" for name in FOLDERS)] == packages


def test_every_plugin_folder_has_its_entry_point() -> None:
    assert sorted(set(FOLDERS) - LIBRARIES) == sorted(PROJECT["project"]["entry-points"]["clsfw"].values())


def test_mypy_checks_every_package() -> None:
    assert ["clsfw", *FOLDERS] == PROJECT["tool"]["mypy"]["packages"]


def test_what_is_installed_has_the_same_entry_points() -> None:
    installed = importlib.metadata.distribution("clsfw").entry_points.select(group="clsfw")

    assert PROJECT["project"]["entry-points"]["clsfw"] == {point.name: point.value for point in installed}


@pytest.mark.parametrize("group", [None, "test", "docs"])
def test_every_requirement_is_pinned_in_the_constraints(group: str | None) -> None:
    lines = (Path(__file__).parents[1] / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    project = PROJECT["project"]
    required = project["dependencies"] if group is None else project["optional-dependencies"][group]

    assert set() == {line.split(">")[0].split("[")[0].lower() for line in required} - pinned


def test_the_recipes_travel_with_the_wheel() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert {"recipes": "clsfw/recipes"} == included
