"""Whatever is done to a recipe, the command line answers with a known exit code and no traceback."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from support.recipe_mutations import mutated

from clsfw.cli import main


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("mutations") / "recipe.toml"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=mutated())
def test_show_prints_the_recipe_or_says_what_is_wrong_with_it(text, file):
    file.write_text(text, encoding="utf-8", newline="")
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(["show", str(file), "--json"])

    if code == 0:
        assert {"data", "model", "trainer", "metrics"} <= set(json.loads(out.getvalue())["recipe"])
    else:
        assert code in {2, 4}
        assert not out.getvalue()
        assert err.getvalue().splitlines()[-1].startswith("clsfw: error: ")
        assert "\x1b" not in err.getvalue()
