"""Groups A and B: what is wrong with a recipe, told with its line and column before anything is made."""

from __future__ import annotations

import pytest
from support.recipe_faults import GOOD, RECIPE_FAULTS


@pytest.mark.parametrize("fault", RECIPE_FAULTS, ids=str)
def test_a_bad_recipe_is_refused_at_its_place(fault, refused, tmp_path):
    if fault.content is not None:
        (tmp_path / "recipe.toml").write_bytes(fault.content)
    overrides = [part for override in fault.overrides for part in ("--set", override)]

    answer = refused(2, "run", tmp_path / "recipe.toml", *overrides)

    begins = fault.begins.rstrip(":") + ":"
    problems = [line for line in answer.err.splitlines() if line.removeprefix(f"{tmp_path}/").startswith(begins)]
    assert any(all(word in line for word in fault.says) for line in problems), answer.err
    assert answer.err.endswith("in the recipe; nothing was run\n")
    assert not answer.out


def test_1_a_folder_is_no_recipe(refused, tmp_path):
    assert "it is a folder" in refused(2, "run", tmp_path).err


def test_1_a_file_that_cannot_be_read(refused, tmp_path):
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")

    assert "loop.toml: cannot read the recipe" in refused(2, "run", tmp_path / "loop.toml").err


def test_4_byte_order_mark_and_crlf_are_accepted(cli, tmp_path):
    (tmp_path / "recipe.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    assert 0 == cli("show", tmp_path / "recipe.toml").code


def test_25_fractions_may_leave_some_rows_out(cli, tmp_path):
    text = GOOD.replace("train = 60\nvalidation = 20\ntest = 20", "train = 0.5\nvalidation = 0.2")
    (tmp_path / "recipe.toml").write_text(text)

    assert 0 == cli("show", tmp_path / "recipe.toml").code


@pytest.mark.parametrize(("out", "words"), [("/", "root of the file system"), ("~", "your home directory")])
def test_26_a_run_directory_that_would_be_no_place_for_a_run(out, words, refused):
    assert words in refused(6, "run", "quickstart", "--out", out).err


def test_26_a_run_directory_with_a_name_too_long(refused):
    assert "choose a shorter path" in refused(6, "run", "quickstart", "--out", "x" * 300).err


@pytest.mark.parametrize("override", ["trainer.max_steps", "=5", "a..b=5", 'a."b=5', ""])
def test_30_a_malformed_override(override, refused):
    assert "--set takes KEY=VALUE" in refused(2, "run", "quickstart", "--set", override).err


@pytest.mark.parametrize("verb", ["check", "show"])
def test_every_verb_on_a_recipe_answers_alike(verb, refused, tmp_path):
    (tmp_path / "recipe.toml").write_text(GOOD.replace("max_steps = 30", 'max_steps = "x"\nbatch_sise = 3'))

    answer = refused(2, verb, tmp_path / "recipe.toml")

    assert ["26:13", "27:1"] == [":".join(line.split(":")[1:3]) for line in answer.err.splitlines() if "[tr" in line]
