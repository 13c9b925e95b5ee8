"""The page on errors: every class and exit code is there, and every example prints what the code prints today."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest

from clsfw import errors
from clsfw.cli import main
from clsfw.store.rundir import RunDirectory

PAGE = (Path(__file__).parents[2] / "docs/reference/errors.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+) \(exit code .*?\)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = [
    (name, command, printed)
    for name, text in SECTIONS.items()
    for command, printed in re.findall(r"```console\n\$ (clsfw[^\n]*)\n(.*?)```", text, re.DOTALL)
]
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, errors.ClsfwError) and kind is not errors.ClsfwError
}
HOME = "/home/ada"

METRIC = """
import clsfw

@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="lengths", summary="a metric", settings=clsfw.Settings, build=lambda _: Lengths())]

class Lengths:
    def compute(self, outcome):
        return {"mean": sum(outcome.texts) / len(outcome.texts)}
"""
NAN = """
import clsfw

@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="ratio", summary="a metric", settings=clsfw.Settings, build=lambda _: Ratio())]

class Ratio:
    def compute(self, outcome):
        return {"ratio": float("nan")}
"""


class World:
    """A folder with what the examples on the page take for granted."""

    def __init__(self, command, folder, toy, install, monkeypatch, root):
        self.name = command[1] if len(command) > 1 else ""
        self.folder, self.toy, self.install, self.monkeypatch = folder, toy, install, monkeypatch
        self.quickstart = (root / "recipes/quickstart.toml").read_text(encoding="utf-8")
        self.texts = (root / "recipes/quickstart.csv").read_text(encoding="utf-8")

    def recipe(self, *changes, texts=None):
        """Write the recipe of the command: the quickstart with changes, and its data."""
        text = self.quickstart
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (self.folder / self.name).write_text(text, encoding="utf-8")
        (self.folder / "quickstart.csv").write_text(self.texts if texts is None else texts, encoding="utf-8")

    def toys(self, *changes):
        """Write the recipe of the command: one that trains in milliseconds."""
        self.toy(*changes).rename(self.folder / self.name)


def misspelt(world):
    world.recipe(("batch_size = 32", 'batch_sise = 32\nseed = "1"'))


def wrong_component(world):
    world.recipe(('use = "hf-distilbert"', 'use = "hf-distilber"'))


def bad_rows(world):
    world.recipe(texts=world.texts.replace(",negative\n", ",negativ\n", 3))


def open_quote(world):
    lines = world.texts.splitlines()
    world.recipe(texts="\n".join([*lines[:3], '"' + lines[3], *lines[4:]]) + "\n")


def few_rows(world):
    world.recipe(("train = 4000", "train = 9000"))


def broken_plugin(world):
    world.install("lengths", METRIC.replace("import clsfw\n", "import clsfw\nimport textstats\n"))


def failing_metric(world):
    world.install("lengths", METRIC)
    world.toys(("macro-metrics", "lengths"))


def nan_metric(world):
    world.install("ratio", NAN)
    world.toys(("macro-metrics", "ratio"))


def no_model_folder(world):
    before = world.quickstart[world.quickstart.index("[model.scratch]") : world.quickstart.index("[trainer]")]
    world.recipe((before, ""), ("max_length = 64", 'checkpoint = "./distilbert"\nmax_length = 64'))


def empty_model_folder(world):
    no_model_folder(world)
    (world.folder / "distilbert").mkdir()
    (world.folder / "distilbert" / "config.json").write_text('{"model_type": "distilbert"}')


def nobody_answers(world):
    world.recipe(('"quickstart.csv"', '"http://127.0.0.1:9/reviews.csv"'))


def nothing(_):
    """Take the world as it is."""


def no_gpu(world):
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without a CUDA device")


def not_ours(world):
    world.toys()
    (world.folder / "thesis").mkdir()
    (world.folder / "thesis" / "chapter1.tex").write_text("")


def interrupted(world):
    world.name = "reviews.toml"
    world.toys()

    assert main(["run", "reviews.toml", "--out", "run", "--set", "trainer.stop_at=5"]) == 130


def locked(world):
    world.toys()
    world.stack.enter_context(RunDirectory.open(world.folder / "run"))
    facts = {"pid": 4321, "host": "ada", "started": "2026-01-05T09:30:00+00:00"}
    (world.folder / "run" / "lock").write_text(json.dumps(facts))


def stopping(world):
    world.toys(('[trainer]\nuse = "toy"', '[trainer]\nuse = "toy"\nstop_at = 5'))


def expecting(world):
    world.toys(('[[metrics]]\nuse = "macro-metrics"', EXPECTING))


EXPECTING = """\
[[metrics]]
use = "macro-metrics"

[expect]
source = "our paper, table 2"

[expect.test]
accuracy = { value = 0.5, tolerance = 0.01 }
"""


def exploding(world):
    import torch

    real, calls = torch.nn.Linear.forward, []

    def nan_later(self, given):
        calls.append(1)
        return real(self, given) * (float("nan") if len(calls) > 100 else 1.0)

    world.recipe(('use = "gpu-trainer"', 'use = "hf-trainer"\nprecision = "fp32"'))
    world.monkeypatch.setattr(torch.nn.Linear, "forward", nan_later)


def unfinished_metric(world):
    world.install("lengths", METRIC)


WORLDS = {
    "clsfw run quickstart --set trainer.max_steps": nothing,
    "clsfw predict": nothing,
    "clsfw study quickstart --set study.seeds=2 --on rey": nothing,
    "clsfw run draft.toml": misspelt,
    "clsfw show encoder.toml": wrong_component,
    "clsfw run reviews.toml": bad_rows,
    "clsfw check scraped.toml": open_quote,
    "clsfw check large.toml": few_rows,
    "clsfw run quickstart --set 'metrics.0.use=\"lengths\"'": broken_plugin,
    "clsfw run lengths.toml": failing_metric,
    "clsfw run ratio.toml": nan_metric,
    "clsfw check tuned.toml": no_model_folder,
    "clsfw run copied.toml": empty_model_folder,
    "clsfw run remote.toml": nobody_answers,
    "clsfw run quickstart --set trainer.precision=tf32": no_gpu,
    "clsfw run reviews.toml --out thesis": not_ours,
    "clsfw run reviews.toml --out run --set seed=8": interrupted,
    "clsfw predict run 'a fine film'": interrupted,
    "clsfw run reviews.toml --out run": locked,
    "clsfw run steep.toml": exploding,
    "clsfw run paper.toml": expecting,
    "clsfw run long.toml --out run": stopping,
    "clsfw test-plugin lengths": unfinished_metric,
}
"""What each command of the page finds."""


def test_every_class_has_its_section():
    assert sorted(KINDS) == sorted(SECTIONS)


def test_every_exit_code_is_in_the_table():
    table = PAGE.split("\n## ")[0]
    codes = {str(kind.exit_code) for kind in KINDS.values() if kind is not errors.InterruptedRunError}

    assert {"0", "1", *codes, "129", "130", "143"} == set(re.findall(r"^\| (\d+) \|", table, re.MULTILINE))


@pytest.mark.parametrize("name", KINDS)
def test_every_class_has_an_example_and_what_to_do(name):
    assert "```console" in SECTIONS[name]
    assert "What to do: " in SECTIONS[name]


def test_every_example_is_tried_and_every_trial_is_on_the_page():
    assert set(WORLDS) == {command for _, command, _ in EXAMPLES}


@pytest.mark.parametrize(("name", "command", "printed"), EXAMPLES, ids=[command for _, command, _ in EXAMPLES])
def test_the_example_is_what_the_code_prints(name, command, printed, cli, toy, install, monkeypatch, tmp_path, root):
    world = World(shlex.split(command)[1:], tmp_path, toy, install, monkeypatch, root)
    with ExitStack() as world.stack:
        WORLDS[command](world)
        answer = cli(*shlex.split(command)[1:])

    said = (answer.out + answer.err).replace(str(tmp_path), HOME)
    expected = 130 if name == "InterruptedRunError" else KINDS[name].exit_code
    assert expected == answer.code, said
    at = 0
    for part in printed.split("...\n"):
        assert part in said[at:], said
        at = said.index(part, at) + len(part)
