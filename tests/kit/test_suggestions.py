"""What was meant, and names that are too long to read."""

from __future__ import annotations

import pytest

from clsfw.kit.suggestions import did_you_mean, near, short


@pytest.mark.parametrize(
    ("name", "shown"), [("a" * 60, "'" + "a" * 60 + "'"), ("a" * 61, "'" + "a" * 60 + "...'"), ("x'y", '"x\'y"')]
)
def test_a_name_is_cut_where_it_is_too_long(name, shown):
    assert shown == short(name)


@pytest.mark.parametrize(
    ("name", "meant"), [("learning-rate", "learning_rate"), ("Batch_Size", "batch_size"), ("colour", None)]
)
def test_the_near_name(name, meant):
    assert meant == near(name, ["learning_rate", "batch_size"])


def test_without_a_near_name_nothing_is_asked():
    assert ("; did you mean 'seed'?", "") == (did_you_mean("sed", ["seed"]), did_you_mean("colour", ["seed"]))
