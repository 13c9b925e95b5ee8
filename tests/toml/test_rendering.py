"""Resolved recipes as TOML for people."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clsfw.toml.rendering import render

texts = st.text(st.characters(codec="utf-8"), max_size=8)
scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda items: st.lists(items, max_size=3) | st.dictionaries(texts, items, max_size=3), max_leaves=8
)
tables = st.dictionaries(texts, values, max_size=4)


@given(tables)
def test_what_is_written_reads_back(table):
    assert table == tomllib.loads(render(table))


@given(tables, texts)
def test_comments_change_nothing(table, comment):
    assert table == tomllib.loads(render(table, lambda _: comment))


def test_tables_come_after_values_and_each_value_has_its_comment():
    table = {"name": "a", "data": {"use": "b", "labels": {"x y": 1}}, "metrics": [{"use": "c"}], "seed": 3}

    lines = [" ".join(line.split()) for line in render(table, lambda path: ".".join(map(str, path))).splitlines()]

    assert [
        'name = "a" # name',
        "seed = 3 # seed",
        "",
        "[data]",
        'use = "b" # data.use',
        "",
        "[data.labels]",
        '"x y" = 1 # data.labels.x y',
        "",
        "[[metrics]]",
        'use = "c" # metrics.0.use',
    ] == lines


@pytest.mark.parametrize("comment", ["a\nb = 1", "\x1b[31m", "a\rb", "\u202e"])
def test_a_hostile_comment_stays_one(comment):
    written = render({"a": 1}, lambda _: comment)

    assert {"a": 1} == tomllib.loads(written)
    assert "\x1b" not in written


@pytest.mark.parametrize("text", ["\x9b31m", "\u202e", "\ufeff", "\x1b[31m", "\x7f", "\U000e0041"])
def test_what_a_terminal_obeys_is_escaped(text):
    written = render({f"k{text}": f"v{text}"})

    assert text not in written
    assert {f"k{text}": f"v{text}"} == tomllib.loads(written)
