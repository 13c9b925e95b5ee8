"""Writes a plugin package that installs, is listed, and passes its own tests as it comes."""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.contract.component import NAME_PATTERN
from clsfw.discovery.plugins import discover
from clsfw.errors import HostError, UsageError, __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "data": "A data source",
    "model": "A model",
    "trainer": "A trainer",
    "metric": "A metric",
    "watcher": "A watcher",
    "searcher": "A searcher",
    "exporter": "An exporter",
    "executor": "An executor",
}

_WITH_TRAINER = "model-with-trainer"
_TEMPLATES = Path(__file__).parent / "templates"


def write_plugin(name: str, kind: str, parent: Path, *, with_trainer: bool = False) -> list[Path]:
    """Write the package into `parent/name`, and return its files; a model may come with a trainer of its own.

    Raises:
        UsageError: the name is not fit for a distribution, a module and a component, or is taken; a trainer is asked
            for beside something else than a model.
        HostError: the files cannot be written.

    """
    if with_trainer and kind != "model":
        raise UsageError(f"--with-trainer is for a model, not for {TITLES[kind].lower()}; give --kind model")
    module = _module(name)
    folder = parent / name
    if folder.exists():
        raise UsageError(f"{folder} is there already; choose another name, or remove it")
    words = {
        "name": name,
        "name_key": name
        if re.fullmatch(r"[A-Za-z0-9_-]+", name)
        else json.dumps(name),  # a bare TOML key, or a quoted one
        "module": module,
        "title": TITLES[kind] + (" with a trainer of its own" if with_trainer else ""),
        "model_settings": "ModelSettings" if with_trainer else "Settings",
        "trainer_settings": "TrainerSettings" if with_trainer else "Settings",
        "minor": ".".join(__version__.split(".")[:2]),
    }
    written = []
    try:
        for template, target in _targets(_WITH_TRAINER if with_trainer else kind, module).items():
            text = (_TEMPLATES / template).read_text(encoding="utf-8")
            for key, value in words.items():
                text = text.replace("{{" + key + "}}", value)
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    except OSError as exc:
        raise HostError(f"{folder}: cannot be written: {exc}") from exc
    return written


def _targets(kind: str, module: str) -> dict[str, str]:
    """Return for each template where it goes."""
    targets = {"common/pyproject.toml.txt": "pyproject.toml", "common/gitignore.txt": ".gitignore"}
    templates = sorted((_TEMPLATES / kind).iterdir())
    if kind == _WITH_TRAINER:
        templates += [_TEMPLATES / "model/model.py.txt", _TEMPLATES / "trainer/trainer.py.txt"]
    for template in templates:
        name = template.name.removesuffix(".txt")
        if name == "README.md":
            place = name
        elif name == "test_contract.py":
            place = f"tests/test_{module}.py"
        elif name.endswith(".py"):
            place = f"src/{module}/{name}"
        else:
            place = f"tests/{name}"
        targets[f"{template.parent.name}/{template.name}"] = place
    return targets


def _module(name: str) -> str:
    """Return the name of the package's module, once the name is known to be free and fit."""
    module = re.sub(r"[.-]", "_", name)
    if not NAME_PATTERN.fullmatch(name) or not module.isidentifier() or keyword.iskeyword(module) or name[-1] in ".-_":
        raise UsageError(f"{name!r} is not a plugin name; use lower-case letters, digits and '-', with a letter first")
    plugins = discover()
    taken = [
        p for p in plugins.all if p.name == name or any(c.name == name for cs in p.components.values() for c in cs)
    ]
    if taken:
        raise UsageError(f"the name {name!r} is taken by {taken[0]}; choose another one")
    if module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None:
        raise UsageError(f"a module {module!r} is installed already, so {name!r} would hide it; choose another name")
    return module
