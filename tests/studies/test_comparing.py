"""Studies beside studies and runs: what a comparison over seeds and rows says, and how often it is wrong."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pytest
from support.runs import write_run

import clsfw
from clsfw.errors import RunDirectoryError, UsageError
from clsfw.evidence.comparison import Comparison
from clsfw.studies.comparing import StudyComparison, compare_any, compare_studies
from clsfw.studies.content import BEGUN, RESULT

ROWS = 400
GOLD = np.arange(ROWS) % 2


def answers(rng, share, seeds=4):
    """Give what so many seeds answer, each row right with the given chance."""
    return [np.where(rng.random(ROWS) < share, GOLD, 1 - GOLD) for _ in range(seeds)]


def write_study(path, said, values="own"):
    """Write a complete study with a run for each seed, as far as a comparison reads it."""
    for seed, one in enumerate(said):
        (path / "runs").mkdir(parents=True, exist_ok=True)
        write_run(path / f"runs/seed-{seed}", GOLD, one)
    runs = [{"run": f"seed-{seed}", "seed": seed, "values": values, "error": None} for seed in range(len(said))]
    record = {"schema": 1, "name": path.name, "identity": "ab", "study": {}, "runs": runs, "scores": {}}
    (path / RESULT).write_text(json.dumps({**record, "verdict": None, "search": None}))
    return path


@pytest.fixture
def two(tmp_path):
    rng = np.random.default_rng(1)
    good = write_study(tmp_path / "good", answers(rng, 0.95))
    return [good, write_study(tmp_path / "poor", answers(rng, 0.85, 3))]


class TestPairs:
    def test_the_difference_is_that_of_the_means(self, two):
        pair = compare_studies(two).pair

        assert np.mean(pair.a.accuracy) - np.mean(pair.b.accuracy) == pytest.approx(pair.difference)
        assert np.mean(pair.a.f1) - np.mean(pair.b.f1) == pytest.approx(pair.f1_difference)
        assert pair.interval[0] < pair.difference < pair.interval[1]

    def test_the_sides_turn_round(self, two):
        pair, turned = compare_studies(two).pair, compare_studies(two[::-1]).pair

        assert -pair.difference == pytest.approx(turned.difference)
        assert (pair.p, pair.single_a) == (pytest.approx(turned.p), turned.single_b)
        assert "A is better by " in pair.sentence
        assert "B is better by " in turned.sentence

    def test_a_run_beside_a_study(self, two, tmp_path):
        run = write_run(tmp_path / "run", GOLD, answers(np.random.default_rng(9), 0.95)[0])

        comparison = compare_studies([run, two[0]])

        assert ["a single run", "own values"] == [side.values for side in comparison.sides]
        assert 1 == len(comparison.sides[0].accuracy)
        assert comparison.sentence.startswith("no evidence of a difference between A and B")

    def test_more_questions_are_corrected_for(self, two, tmp_path):
        third = write_study(tmp_path / "third", answers(np.random.default_rng(3), 0.95))

        pairs = compare_studies([*two, third]).pairs

        assert 3 == len(pairs)
        assert 2 * sorted(pair.p for pair in pairs)[1] == pytest.approx(sorted(pair.corrected_p for pair in pairs)[1])

    def test_runs_alone_are_compared_as_ever(self, two):
        found = compare_any([two[0] / "runs/seed-0", two[1] / "runs/seed-0"])

        assert isinstance(found, Comparison)

    def test_in_python(self, two):
        from clsfw.studies.content import FinishedStudy

        found = clsfw.compare(*map(FinishedStudy.read, two))

        assert isinstance(found, StudyComparison)
        assert repr(found).startswith("<StudyComparison of good, poor: A is better by ")
        assert "<strong>A is better by " in found._repr_html_()
        assert json.loads(json.dumps(found.to_json()))["pairs"][0]["better"] == "A"


class TestRefused:
    def test_a_run_of_its_own(self, two):
        with pytest.raises(UsageError, match=r"is a run of .*good; a study does not differ from its own runs"):
            compare_any([two[0], two[0] / "runs/seed-1"])

    def test_twice_the_same(self, two):
        with pytest.raises(UsageError, match="is given twice"):
            compare_any([two[0], two[0]])

    def test_two_single_runs_beside_a_study(self, two, tmp_path):
        runs = [write_run(tmp_path / name, GOLD, GOLD) for name in ("x", "y")]

        with pytest.raises(UsageError, match="are single runs; beside a study give one of them"):
            compare_any([two[0], *runs])

    def test_other_rows(self, two, tmp_path):
        other = write_run(tmp_path / "other", GOLD[:300], GOLD[:300])

        with pytest.raises(UsageError, match="they were tested on different rows"):
            compare_any([two[0], other])

    def test_a_study_that_is_not_complete(self, two, cli, tmp_path):
        (two[1] / RESULT).unlink()
        (two[1] / BEGUN).write_text("{}")
        with pytest.raises(RunDirectoryError, match="holds no complete study"):
            compare_any(two)

        third = write_study(tmp_path / "third", answers(np.random.default_rng(3), 0.95))
        answer = cli("compare", *two, third)
        assert 0 == answer.code
        assert "skipped" in answer.told


class TestTold:
    def test_the_verb_says_it(self, two, cli):
        out = cli("compare", *two).out

        assert "A  good  own values" in out
        assert "A is better by " in out
        assert "over seeds and rows p = " in out
        assert "points by the luck of seeds" in out
        assert "of 12 pairs of single runs, McNemar's test would have called A better in " in out

    def test_json(self, two, cli):
        values = json.loads(cli("compare", *two, "--json").out)

        assert {"A", "B"} == {side["letter"] for side in values["runs"]}
        assert values["pairs"][0]["seeds_needed"] > 4

    def test_how_many_more_seeds(self, two):
        from dataclasses import replace

        from clsfw.cli.compare import _needed

        pair = replace(compare_studies(two).pair, seeds_needed=9)

        assert (
            _needed(pair)
            == "to see half a point in four of five such comparisons: 9 seeds each, 5 more of A and 6 more of B"
        )
        assert _needed(replace(pair, seeds_needed=3)).startswith("the seeds are enough to see half a point")
        assert _needed(replace(pair, seeds_needed=None)).startswith("no number of seeds shows half a point")


class TestFalseAlarms:
    """Two studies of the same recipe, simulated: a difference that is called one is a false alarm."""

    @pytest.fixture
    def count(self, root, monkeypatch):
        monkeypatch.syspath_prepend(root / "tests/bench")
        return import_module("false_alarms").false_alarms

    @pytest.mark.slow
    def test_they_are_5_of_100(self, count):
        found = count(repetitions=1000, bootstrap=True)

        assert 0.035 <= found["seeds and rows"] <= 0.065
        assert 0.035 <= found["bootstrap"] <= 0.065

    def test_mcnemar_on_single_runs_takes_the_luck_of_seeds_for_a_difference(self, count):
        found = count(repetitions=200)

        assert found["seeds and rows"] <= 0.09
        assert found["McNemar on single runs"] >= 0.12
