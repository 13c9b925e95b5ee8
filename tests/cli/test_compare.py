from __future__ import annotations

import argparse
import json

import pytest
from support.runs import write_run

from clsfw.cli import compare
from clsfw.errors import UsageError

GOLD = [i % 2 for i in range(200)]
WORSE = [1 - label if i < 30 else label for i, label in enumerate(GOLD)]
BETTER = [1 - label if i < 5 else label for i, label in enumerate(GOLD)]


def call(*arguments):
    parser = argparse.ArgumentParser()
    compare.add_arguments(parser)
    return compare.main(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def runs(tmp_path):
    return [write_run(tmp_path / "good", GOLD, BETTER), write_run(tmp_path / "bad", GOLD, WORSE, seconds=20)]


def test_json_alone_is_printed(runs, capsys):
    assert call(*runs, "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert values["only_a_right"] == 25
    assert values["only_b_right"] == 0
    assert values["difference"] == pytest.approx(0.125)
    assert values["interval"][0] < 0.125 < values["interval"][1]
    assert 0 < values["mcnemar_p"] < 0.001
    assert 0 < values["bootstrap_p"] < 0.001


def test_words_say_who_is_better_and_what_each_costs(runs, capsys):
    assert call(*runs) == 0
    told = capsys.readouterr().out
    assert "200 test rows, the same for all runs" in told
    assert "A is better by 12.5 points (95 % " in told
    assert "only A right 25, only B right 0, both right 170, both wrong 5" in told
    assert "20.0 s" in told


def test_long_names_fit_80_columns_since_they_stand_above_the_table(tmp_path, capsys):
    names = ("imdb-distilbert-1a2b3c4d", "imdb-distilbert-large-batches-1a2b3c4d")
    one, two = (write_run(tmp_path / name, GOLD, BETTER, seconds=86_400) for name in names)
    assert call(one, two) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2:4] == [f"A  {names[0]}", f"B  {names[1]}"]
    assert [line for line in told[:7] if len(line) > 80] == []


def test_seconds_that_a_run_does_not_have_are_a_dash(runs, capsys):
    assert call(*runs) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("A  ") and "1.5 s" in line]
    assert line.split() == ["A", "0.9750", "0.9750", "1.5", "s", "0.1", "s", "-", "0.0", "MB"]


def test_three_runs_are_compared_pair_by_pair(runs, tmp_path, capsys):
    assert call(*runs, write_run(tmp_path / "third", GOLD, GOLD)) == 0
    told = capsys.readouterr().out
    assert told.count("only A right") + told.count("only B right") >= 3
    assert "corrected for the number of pairs" in told


def test_what_is_to_be_known_beside_the_scores_is_said_of_each_run(runs, tmp_path, capsys):
    bins = [{"low": 0.9, "high": 1.0, "rows": 200, "confidence": 0.99, "accuracy": 0.5}]
    calibration = {"ece": 0.49, "log_loss": 2.0, "brier": 0.5, "bins": bins}
    third = write_run(tmp_path / "third", GOLD, GOLD, metrics={"calibration": {"test": calibration}})
    assert call(runs[0], third) == 0
    told = capsys.readouterr().out
    assert "\nB  note: the model is surer of its answers than it is right" in told
    assert "A  note" not in told
    assert call(runs[0], third, "--json") == 0
    first, second = json.loads(capsys.readouterr().out)["runs"]
    assert (first["findings"], len(second["findings"])) == ([], 1)


def test_a_hostile_folder_name_is_shown_harmless(tmp_path, capsys):
    one = write_run(tmp_path / "x\x1b[31mred", GOLD, BETTER)
    assert call(one, write_run(tmp_path / "two", GOLD, WORSE)) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_one_run_alone_is_a_usage_error(runs):
    with pytest.raises(UsageError, match="at least two"):
        call(runs[0])
