"""A run directory that names code of its own does not get it run."""

from __future__ import annotations

import sys

import pytest

import clsfw
from clsfw import FinishedRun
from clsfw.cli import main
from clsfw.errors import UsageError
from clsfw.inference.evaluate import evaluate_file
from clsfw.report.display import Quiet

SCRIPT = """
import pathlib

import datasets
import evaluate

pathlib.Path({mark!r}).write_text("was run")


class Spy(evaluate.Metric):
    def _info(self):
        number = datasets.Value("int64")
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({{"predictions": number, "references": number}}),
        )

    def _compute(self, predictions, references):
        return {{"spy": 0.5}}
"""
RECIPE = """
schema = 1
name = "spied"
[data]
use = "csv"
source = "data.csv"
[split]
method = "in-order"
train = 40
test = 20
[model]
use = "tfidf"
[trainer]
use = "sklearn-fit"
[[metrics]]
use = "hf-evaluate"
metric = "./spy.py"
"""


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


@pytest.fixture
def run(tmp_path, mark, monkeypatch):
    """Give a run whose metric is a script that leaves a mark; the mark of the run itself is gone."""
    import evaluate.config

    monkeypatch.setattr(evaluate.config, "HF_MODULES_CACHE", tmp_path / "modules")
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", tmp_path / "metrics")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the library adds its cache there
    forget_scripts()
    rows = "".join(f"{'good' if i % 2 else 'bad'} film {i},{('no', 'yes')[i % 2]}\n" for i in range(60))
    (tmp_path / "data.csv").write_text(f"text,label\n{rows}")
    (tmp_path / "spy.py").write_text(SCRIPT.format(mark=str(mark)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    run = str(clsfw.run(tmp_path / "recipe.toml", out=tmp_path / "run").directory)
    mark.unlink()
    forget_scripts()
    yield run
    forget_scripts()


def forget_scripts():
    """Have the library import its cache of scripts again, from wherever it lies then."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "evaluate_modules"]:
        del sys.modules[name]


def test_evaluate_and_reproduce_refuse_it_and_say_how_to_allow_it(run, mark, tmp_path, capsys):
    for verb in (["evaluate", run, "--data", str(tmp_path / "data.csv")], ["reproduce", run]):
        assert 2 == main(verb)
        said = capsys.readouterr().err
        assert (
            f"metric 'hf-evaluate' of this run would run code that the run names by metric = '{tmp_path}/spy.py'"
            in said
        )
        assert "give --allow-code" in said
    assert not mark.exists()


def test_verbs_that_need_no_metric_go_on_without_it(run, mark):
    assert 0 == main(["predict", run, "a good film"])
    assert 0 == main(["show", f"{run}/resolved.toml"])
    assert 2 == main(["compare", run, run])  # one run beside itself is refused, after it was read

    assert not mark.exists()


def test_it_runs_where_it_is_allowed(run, mark, tmp_path, capsys):
    assert 0 == main(["evaluate", run, "--data", str(tmp_path / "data.csv"), "--allow-code"])
    assert "spy" in capsys.readouterr().out
    assert mark.exists()


def test_in_python_too_it_runs_only_where_it_is_allowed(run, mark, tmp_path):
    data = tmp_path / "other.csv"
    data.write_text("text,label\na bad evening,no\na good evening,yes\n")
    for refusing in (clsfw.load(run), FinishedRun.read(run).classifier()):
        with pytest.raises(UsageError, match=r"give --allow-code \(allow_code=True in Python\)"):
            evaluate_file(refusing, data, reporter=Quiet())
    assert not mark.exists()

    for allowing in (clsfw.load(run, allow_code=True), FinishedRun.read(run).classifier(allow_code=True)):
        assert 0.5 == evaluate_file(allowing, data, reporter=Quiet()).metrics["test"]["spy"]
