from __future__ import annotations

import json

import pytest
from support.runs import write_run

from clsfw.evidence.finished import FinishedRun
from clsfw.evidence.reproduction import hold_beside

GOLD, SAID = [0, 1, 0, 1], [0, 1, 1, 1]


def fixed(**versions):
    return {"data": {"test": "ab"}, "plugins": {}, "environment": {"versions": versions}}


def beside(one, two):
    return hold_beside(FinishedRun.read(one), FinishedRun.read(two))


def levels(reproduction):
    return {level.what: level.same for level in reproduction.levels}


def test_the_same_run_again_is_the_same_on_all_levels(tmp_path):
    one, two = (write_run(tmp_path / name, GOLD, SAID, fixed=fixed(torch="2.13")) for name in ("one", "two"))
    reproduction = beside(one, two)
    assert levels(reproduction) == {"model": True, "predictions": True, "metrics": True}
    assert reproduction.surroundings == ()
    assert reproduction.same_metrics


def test_other_bits_with_the_same_answers_still_reproduce_the_metrics(tmp_path):
    one = write_run(tmp_path / "one", GOLD, SAID)
    two = write_run(tmp_path / "two", GOLD, SAID, model=b"others", probability=0.9000001)
    reproduction = beside(one, two)
    assert levels(reproduction) == {"model": False, "predictions": False, "metrics": True}
    assert reproduction.levels[0].detail == "other bits in model/model.safetensors"
    assert reproduction.levels[1].detail.startswith("0 of 4 labels differ; probabilities by up to 1")


def test_other_answers_are_counted_and_scores_named(tmp_path):
    one = write_run(tmp_path / "one", GOLD, SAID)
    two = write_run(tmp_path / "two", GOLD, GOLD)
    reproduction = beside(one, two)
    assert not reproduction.same_metrics
    assert reproduction.levels[1].detail.startswith("1 of 4 labels differ")
    assert "test accuracy 0.75 before, 1.0 now" in reproduction.levels[2].detail


@pytest.mark.parametrize("other", [{"names": ("no", "yes")}, {"rows": [0, 1, 2, 4]}])
def test_other_rows_or_other_labels_have_no_answers_in_common(other, tmp_path):
    one = write_run(tmp_path / "one", GOLD, SAID)
    two = write_run(tmp_path / "two", GOLD, SAID, **other)
    assert beside(one, two).levels[1].detail == "other rows or other labels"


def test_what_differs_around_the_runs_is_listed(tmp_path):
    one = write_run(tmp_path / "one", GOLD, SAID, fixed=fixed(torch="2.13"), training={"device": "cpu"})
    two = write_run(tmp_path / "two", GOLD, SAID, fixed=fixed(torch="2.14"), training={"device": "cuda"})
    assert beside(one, two).surroundings == (
        "environment.versions.torch: '2.13' before, '2.14' now",
        "training.device: 'cpu' before, 'cuda' now",
    )


def test_the_result_is_plain_json(tmp_path):
    one, two = (write_run(tmp_path / name, GOLD, SAID) for name in ("one", "two"))
    values = beside(one, two).to_json()
    assert json.loads(json.dumps(values))["levels"][2] == {
        "what": "metrics",
        "same": True,
        "detail": "all 4 scores are the same",
    }
