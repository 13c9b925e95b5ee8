from __future__ import annotations

import numpy as np
import pytest

from clsfw_sklearn import table


@pytest.fixture(params=["spread", "all in one place"])
def spread(request, monkeypatch):
    """Spread keys over the table as ever, or give all of them the same slot."""
    if request.param != "spread":
        monkeypatch.setattr(table, "_SPREAD", np.uint64(0))


@pytest.mark.usefixtures("spread")
@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_each_key_is_found_where_it_stands_and_no_other_one_is(count):
    drawn = np.random.default_rng(count)
    every = drawn.permutation(np.unique(drawn.integers(-(2**62), 2**62, 2 * count)))
    keys, others = every[:count], every[count:]
    asked = drawn.choice(every, 1000)
    expected = [keys.tolist().index(key) if key in keys else -1 for key in asked.tolist()]

    found = table.Table(keys)

    assert list(range(count)) == found.find(keys).tolist()
    assert [-1] * len(others) == found.find(others).tolist()
    assert expected == found.find(asked).tolist()


def test_nothing_asked_is_nothing_found():
    assert [] == table.Table(np.array([5])).find(np.empty(0, np.int64)).tolist()
