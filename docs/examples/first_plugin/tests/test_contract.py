from pathlib import Path

import pytest
from clsfw.testing import checks

CHECKS = checks("first-plugin", Path(__file__).parent / "settings.toml")


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_contract(check):
    check()
