"""Several labels in one cell come apart as they were, whatever their names hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clsfw.kit import join_labels, split_labels

NAMES = st.lists(st.text("ab|\\;, \n\"'=é", min_size=1))


@given(NAMES, st.sampled_from(["|", ";", ", ", "||", "a"]))
def test_what_is_joined_is_split_again(names, separator):
    assert names == split_labels(join_labels(names, separator), separator)


@pytest.mark.parametrize(
    ("cell", "separator", "labels"),
    [
        ("", "|", []),
        ("a|b", "|", ["a", "b"]),
        (r"card\|pin|cash", "|", ["card|pin", "cash"]),
        ("a||b", "|", ["a", "", "b"]),
        (r"C:\x|y", "|", [r"C:\x", "y"]),
        ("a\\b", "\\", ["a", "b"]),
    ],
)
def test_cells_of_other_programs(cell, separator, labels):
    assert labels == split_labels(cell, separator)
