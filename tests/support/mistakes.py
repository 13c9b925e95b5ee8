"""The command line in this process, a toy recipe, and what every answer to a mistake must be: fixtures."""

from __future__ import annotations

import importlib
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from clsfw.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECIPE = """\
schema = 1
name = "mistake"
seed = 7

[data]
use = "csv"
source = "texts.csv"

[split]
method = "in-order"
train = 12
validation = 4
test = 4

[model]
use = "toy"

[trainer]
use = "toy"

[[metrics]]
use = "macro-metrics"
"""

TEXTS = "text,label\n" + "".join(
    f"a {'fine' if n % 2 else 'dull'} film number {n},{'pos' if n % 2 else 'neg'}\n" for n in range(20)
)

TOYS = '''
import os
import signal

import clsfw


class Toys(clsfw.Settings):
    """What the toy trainer takes."""

    steps: int = 8
    stop_at: int = 0
    raises: str = ""


@clsfw.hookimpl
def register_models():
    from clsfw.testing import ToyModel

    return [clsfw.Component(name="toy", summary="a toy", settings=clsfw.Settings, build=lambda _: ToyModel())]


@clsfw.hookimpl
def register_trainers():
    return [clsfw.Component(name="toy", summary="a toy", settings=Toys, build=build)]


def build(settings):
    from clsfw.testing import ToyTrainer

    class Trainer(ToyTrainer):
        def fit(self, model, data, run):
            if settings.raises:
                raise {"memory": MemoryError, "crash": KeyError}[settings.raises]
            super().fit(model, data, run)

        def _update(self, model, features, targets):
            self.updates = getattr(self, "updates", 0) + 1
            if self.updates == settings.stop_at:
                os.kill(os.getpid(), signal.SIGINT)
            return super()._update(model, features, targets)

    return Trainer(steps=settings.steps, save_steps=2)
'''
"""A plugin whose model and trainer run in milliseconds, and do wrong on demand."""


@dataclass(frozen=True)
class Answer:
    """What the command line gave."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """All that a user reads, on one line."""
        return " ".join((self.out + " " + self.err).split())


@pytest.fixture
def cli(capfd, tmp_path, monkeypatch) -> Callable[..., Answer]:
    """Give the command line: it works in the test's own folder, and no answer may hold a traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLSFW_PLUGINS", raising=False)

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        answer = Answer(code, *capfd.readouterr())
        assert "Traceback" not in answer.out + answer.err
        return answer

    return call


@pytest.fixture
def refused(cli, tmp_path) -> Callable[..., Answer]:
    """Give the command line for a mistake that is found before a run directory is made."""

    def call(code: int, *arguments: object) -> Answer:
        answer = cli(*arguments)
        assert (code, []) == (answer.code, list(tmp_path.glob("runs*"))), answer.told
        return answer

    return call


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Give the folder of fake distributions, which stands first on the module path."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def install(site, fake_distribution) -> Callable[..., Path]:
    """Give a function that installs a plugin of one module."""

    def install(name: str, source: str, **options: object) -> Path:
        module = name.replace("-", "_") + "_plugin"
        fake_distribution(f"acme-{name}", {f"{module}.py": source}, f"{name} = {module}", **options)
        importlib.invalidate_caches()
        return site / f"{module}.py"

    return install


@pytest.fixture
def toy(tmp_path, install) -> Callable[..., Path]:
    """Give a function that writes the toy recipe, with changes, and its data; the toys are installed."""
    install("toys", TOYS)

    def write(*changes: tuple[str, str], texts: str | bytes = TEXTS) -> Path:
        text = RECIPE
        for old, new in changes:
            assert 1 == text.count(old), old
            text = text.replace(old, new)
        (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
        (tmp_path / "texts.csv").write_bytes(texts if isinstance(texts, bytes) else texts.encode())
        return tmp_path / "recipe.toml"

    return write


@pytest.fixture(scope="session")
def _interrupted(tmp_path_factory):
    return tmp_path_factory.mktemp("interrupted")


@pytest.fixture
def interrupted(toy, cli, tmp_path, _interrupted) -> Path:
    """Give the directory of a run that Ctrl-C stopped after step 5, with the checkpoints 2, 4 and 5."""
    kept, recipe = _interrupted / "run", toy()
    if not kept.exists():
        answer = cli("run", recipe, "--out", tmp_path / "made", "--set", "trainer.stop_at=5")
        assert 130 == answer.code, answer.told
        shutil.copytree(tmp_path / "made", kept)
        shutil.rmtree(tmp_path / "made")
    shutil.copytree(kept, tmp_path / "run")
    return tmp_path / "run"
