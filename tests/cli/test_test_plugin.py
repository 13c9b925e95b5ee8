"""`clsfw test-plugin`."""

from __future__ import annotations

import importlib
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clsfw.cli import main

BAD = """
import clsfw

class Metric:
    def compute(self, outcome):
        print("computing")
        outcome.predictions.sort()
        return {"share": 1.0}

@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="bad", summary="s", settings=clsfw.Settings, build=lambda _: Metric())]
"""


@pytest.fixture
def bad(fake_distribution, monkeypatch):
    site = fake_distribution("acme", {"acme_bad.py": BAD}, "bad = acme_bad")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("acme_bad", None)


def test_a_sound_plugin_passes(capsys):
    assert 0 == main(["test-plugin", "macro-metrics"])

    lines = capsys.readouterr().out.splitlines()
    assert "13 checks: 13 passed, 0 failed" == lines[-1]
    assert "passed  metric 'macro-metrics': scores-one-text" in lines


@pytest.mark.parametrize("name", ["bad", "acme"], ids=["by plugin", "by distribution"])
def test_a_bad_plugin_fails_with_exit_code_4(bad, name, capsys):
    assert 4 == main(["test-plugin", name])

    lines = capsys.readouterr().out.splitlines()
    failed = lines.index("FAILED  metric 'bad': leaves-the-outcome-alone")
    assert "        it changes outcome.predictions in place; work on a copy" == lines[failed + 1]
    assert "13 checks: 12 passed, 1 failed" == lines[-1]


def test_what_a_plugin_prints_does_not_mix_with_the_list(bad, capfd):
    main(["test-plugin", "bad"])
    captured = capfd.readouterr()

    assert "computing" not in captured.out
    assert "computing" in captured.err


def test_a_plugin_that_needs_settings_says_so(capsys):
    assert 4 == main(["test-plugin", "csv"])
    assert "source: Field required; give some to try it with" in capsys.readouterr().out


def test_settings_come_from_a_file(tmp_path, capsys):
    (tmp_path / "texts.csv").write_text("text,label\nfine,good\nso so,bad\n", encoding="utf-8")
    rows = [{"text": "fine", "label": "good"}, {"text": "so so", "label": "bad"}]
    (tmp_path / "texts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "texts.parquet")
    endings = {"jsonl": "jsonl", "parquet": "parquet", "csv": "csv", "imdb-csv": "csv"}
    tables = "".join(f'[data.{name}]\nsource = "texts.{ending}"\n' for name, ending in endings.items())
    columns = 'text_column = "text"\nlabel_column = "label"\nlabels = { good = "GOOD", bad = "BAD" }\n'
    (tmp_path / "settings.toml").write_text(tables + columns, encoding="utf-8")

    assert 0 == main(["test-plugin", "csv", "--settings", str(tmp_path / "settings.toml")])
    assert "37 checks: 37 passed, 0 failed" in capsys.readouterr().out


def test_an_unknown_plugin_is_a_usage_error(capsys):
    assert 2 == main(["test-plugin", "nobody"])
    assert "no installed plugin is called 'nobody'" in capsys.readouterr().err
