"""What differs between nested records, and plain numbers of other libraries' scalars."""

from __future__ import annotations

import numpy as np
import pytest

from clsfw.kit.records import differences, plain


def test_values_that_one_of_them_lacks_are_listed_too():
    before = {"versions": {"torch": "2.13", "numpy": "2.4"}, "seed": 1, "gone": True}
    now = {"versions": {"torch": "2.14", "numpy": "2.4"}, "seed": 1, "new": [1]}

    assert [
        "gone: True before, None now",
        "new: None before, [1] now",
        "versions.torch: '2.13' before, '2.14' now",
    ] == differences(before, now)


def test_a_scalar_becomes_a_number():
    assert [3, 0.5] == [plain(np.int64(3)), plain(np.float64(0.5))]


def test_what_is_not_a_number_is_refused():
    with pytest.raises(TypeError, match="JSON has no value for a set"):
        plain({1})
