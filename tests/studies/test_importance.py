"""Which settings mattered: the one that moves the score, and nothing where the trials do not tell."""

from __future__ import annotations

import numpy as np

from clsfw.studies.importance import importance

SPACE = {
    "trainer.rate": {"low": 1e-5, "high": 1e-1, "log": True},
    "model.words": {"choices": [[1, 1], [1, 2]]},
    "model.length": {"low": 64, "high": 256},
}


def trials(score, count=30):
    rng = np.random.default_rng(3)
    found = []
    for number in range(1, count + 1):
        values = {
            "trainer.rate": float(10 ** rng.uniform(-5, -1)),
            "model.words": SPACE["model.words"]["choices"][rng.integers(2)],
            "model.length": int(rng.integers(64, 257)),
        }
        found.append({"number": number, "values": values, "first": score(values)})
    return found


def test_the_setting_that_moves_the_score_is_first():
    found = importance(trials(lambda values: -((np.log10(values["trainer.rate"]) + 3) ** 2)), SPACE)

    assert "trainer.rate" == next(iter(found))
    assert found["trainer.rate"] > 0.9
    assert 1 == round(sum(found.values()), 6)


def test_a_choice_of_lists_may_be_it():
    found = importance(trials(lambda values: float(values["model.words"] == [1, 2])), SPACE)

    assert found["model.words"] > 0.9


def test_it_is_the_same_each_time():
    made = trials(lambda values: values["model.length"] / 256)

    assert importance(made, SPACE) == importance(made, SPACE)


def test_few_trials_tell_nothing():
    assert importance(trials(lambda values: values["trainer.rate"], count=9), SPACE) is None


def test_equal_scores_tell_nothing():
    assert importance(trials(lambda _: 0.5), SPACE) is None


def test_trials_that_diverged_are_left_out():
    made = trials(lambda values: values["model.length"] / 256)
    made[0]["first"] = None

    assert importance(made, SPACE)["model.length"] > 0.9
