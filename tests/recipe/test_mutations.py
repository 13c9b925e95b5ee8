"""Any mutation of a shipped recipe gives a plan or one clean error, within two seconds."""

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.recipe_mutations import mutated, values

from clsfw.errors import PluginError, RecipeError, UsageError
from clsfw.recipe.plan import make_plan

LIMIT = 2.0  # seconds of this process


def plan_or_clean_error(file, overrides, plugins):
    started = time.process_time()
    try:
        plan = make_plan(file, overrides, plugins)
    except (RecipeError, PluginError, UsageError):
        plan = None
    else:
        assert tomllib.loads(plan.resolved_toml()) == plan.resolved()
        assert 64 == len(plan.identity())
    assert time.process_time() - started < LIMIT
    return plan


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("mutations") / "recipe.toml"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=mutated())
def test_any_mutation_gives_a_plan_or_a_clean_error(text, file, bundled):
    file.write_text(text, encoding="utf-8", newline="")

    plan_or_clean_error(file, [], bundled)


OVERRIDE_KEYS = (
    "trainer.batch_size",
    "model.use",
    "metrics.0.use",
    "metrics.1",
    "data",
    "split.train",
    "expect.test",
    "a.b",
)


@settings(max_examples=150, deadline=None)
@given(
    given_overrides=st.lists(
        st.tuples(st.sampled_from(OVERRIDE_KEYS) | st.text(max_size=6), values | st.text(max_size=6)).map("=".join),
        max_size=3,
    )
)
def test_any_override_gives_a_plan_or_a_clean_error(given_overrides, bundled):
    plan_or_clean_error("quickstart", given_overrides, bundled)


@settings(max_examples=100, deadline=None)
@given(base=mutated(), top=mutated())
def test_any_recipe_on_any_other_gives_a_plan_or_a_clean_error(base, top, file, bundled):
    file.with_name("base.toml").write_text(base, encoding="utf-8", newline="")
    file.write_text(f'extends = "base.toml"\n{top}', encoding="utf-8", newline="")

    plan_or_clean_error(file, [], bundled)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 900_000,
        b"[" * 900_000,
        b"a" * 999_999,
        b"a." * 450_000 + b"a = 1",
        b"x = '" + b"y" * 999_000 + b"'",
        b"[[metrics]]\n" * 40_000,
        b"".join(b"k%d = 1\n" % n for n in range(80_000)),
        b"[trainer]\n" + b"".join(b"k%d = 1\n" % n for n in range(20_000)),
        b"a = [" + b"1," * 400_000 + b"]",
        b'a = """' + b'\\"' * 400_000,
        b"{" * 500_000,
    ],
    ids=lambda content: f"{content[:8]!r}x{len(content)}",
)
def test_a_large_hostile_file_is_refused_in_time(content, file, bundled):
    file.write_bytes(content)

    assert plan_or_clean_error(file, [], bundled) is None
