from __future__ import annotations

import json

import pytest

from clsfw.evidence.verdict import judge
from clsfw.recipe.schema import Expect

STEPS = (20, 40)


def expect(**tables):
    return Expect.model_validate({"source": "a paper", **tables})


ACCURACY = expect(test={"accuracy": {"value": 0.8995, "tolerance": 0.01}})
COURSE = expect(history={"steps": STEPS, "f1": (0.65, 0.87), "tolerance": 0.02})


@pytest.mark.parametrize(
    ("accuracy", "status"),
    [
        (0.8995, "REPRODUCED"),
        (0.9095, "REPRODUCED"),
        (0.8895, "REPRODUCED"),
        (0.9096, "NOT REPRODUCED"),
        (0.8894, "NOT REPRODUCED"),
    ],
)
def test_the_tolerance_holds_on_both_sides_and_at_its_very_edge(accuracy, status):
    assert judge(ACCURACY, {"test": {"accuracy": accuracy}}, []).status == status


def test_a_miss_tells_its_distance():
    (miss,) = judge(ACCURACY, {"test": {"accuracy": 0.85}}, []).to_json()["misses"]
    assert miss == "test accuracy: 0.85, expected 0.8995 within 0.01; it is -0.049500 away"


def test_a_score_that_the_run_does_not_have_is_a_miss():
    verdict = judge(ACCURACY, {"test": {"f1": 0.9}}, [])
    assert verdict.status == "NOT REPRODUCED"
    assert str(verdict.misses[0]) == "test accuracy: expected 0.8995, but the run has no such score"


def test_changed_settings_make_it_not_comparable_however_good_the_score():
    verdict = judge(ACCURACY, {"test": {"accuracy": 0.8995}}, [], ["trainer.max_steps: 250 in the recipe, 5 here"])
    assert verdict.status == "NOT COMPARABLE"
    assert verdict.reasons == ("trainer.max_steps: 250 in the recipe, 5 here",)


def line(step, f1, split="validation"):
    return {"step": step, "split": split, "f1": f1}


def test_the_course_of_training_is_held_step_by_step():
    assert judge(COURSE, {}, [line(20, 0.66), line(40, 0.86)]).status == "REPRODUCED"
    verdict = judge(COURSE, {}, [line(20, 0.66), line(40, 0.80)])
    assert [check.what for check in verdict.misses] == ["validation f1 at step 40"]


def test_an_evaluation_that_never_came_is_a_miss():
    assert len(judge(COURSE, {}, [{"step": 20, "loss": 0.5}, line(40, 0.87, "test")]).misses) == 2


def test_the_published_confusion_matrix_stands_beside_the_own_one():
    matrix = ((4599, 526), (479, 4396))
    found = judge(expect(test={"confusion_matrix": matrix}), {"confusion_matrix": {"test": [[1, 2], [3, 4]]}}, [])
    assert found.to_json()["confusion_matrices"]["test"] == {
        "expected": [[4599, 526], [479, 4396]],
        "found": [[1, 2], [3, 4]],
    }


def test_the_verdict_is_plain_json():
    verdict = judge(ACCURACY, {"test": {"accuracy": 0.9}}, []).to_json()
    assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict
