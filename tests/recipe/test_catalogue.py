"""The catalogue of bad input, groups A and B: each recipe is refused at its place, with the words that matter."""

from __future__ import annotations

import pytest
from support.recipe_faults import GOOD, NOT_HERE, RECIPE_FAULTS

from clsfw.errors import RecipeError, UsageError
from clsfw.recipe.plan import make_plan


@pytest.mark.parametrize("fault", RECIPE_FAULTS, ids=str)
def test_fault_is_refused_with_place_and_words(fault, tmp_path, write, bundled):
    file = tmp_path / "recipe.toml" if fault.content is None else write(fault.content)

    with pytest.raises(RecipeError) as caught:
        make_plan(file, fault.overrides, bundled)

    told = [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert fault.count == len(told), told
    begins = fault.begins.removesuffix("::") + (":" if fault.begins.endswith("::") else "")
    assert any(text.startswith(begins) and all(word in text for word in fault.says) for text in told), told


def test_every_number_of_groups_a_and_b_has_a_case_or_a_reason():
    accepted = {4}  # see test_byte_order_mark_and_crlf_are_accepted
    expected = set(range(1, 31))

    assert expected == {fault.number for fault in RECIPE_FAULTS if fault.number <= 30} | set(NOT_HERE) | accepted


def test_good_recipe_of_the_catalogue_is_good(write, bundled):
    plan = make_plan(write(GOOD), [], bundled)

    assert "fault" == plan.recipe.name


def test_byte_order_mark_and_crlf_are_accepted(write, bundled):
    plan = make_plan(write(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()), [], bundled)

    assert make_plan(write(GOOD), [], bundled).resolved() == plan.resolved()


def test_places_are_right_with_byte_order_mark_and_crlf(write, bundled):
    bad = GOOD.replace("max_steps = 30", "max_steps = 0").replace("\n", "\r\n")

    with pytest.raises(RecipeError, match=r"recipe\.toml:26:13: \[trainer\] max_steps"):
        make_plan(write(b"\xef\xbb\xbf" + bad.encode()), [], bundled)


def test_a_folder_is_no_recipe(tmp_path, bundled):
    with pytest.raises(RecipeError, match="it is a folder"):
        make_plan(tmp_path, [], bundled)


def test_a_file_that_cannot_be_read_says_why(write, bundled):
    file = write(GOOD)
    link = file.with_name("loop.toml")
    link.symlink_to(link)

    with pytest.raises(RecipeError, match=r"loop\.toml: "):
        make_plan(link, [], bundled)


def test_a_name_near_a_file_or_a_shipped_recipe_is_suggested(tmp_path, write, bundled):
    write(GOOD)

    with pytest.raises(RecipeError, match=r"did you mean .*recipe\.toml"):
        make_plan(tmp_path / "recipee.toml", [], bundled)
    with pytest.raises(RecipeError, match="did you mean 'quickstart'"):
        make_plan("quikstart", [], bundled)


@pytest.mark.parametrize("override", ["trainer.max_steps", "=5", "a..b=5", ".a=5", "a.=5", 'a."b=5', ""])
def test_malformed_override_is_a_mistake_of_the_command_line(override, write, bundled):
    with pytest.raises(UsageError, match="--set takes KEY=VALUE"):
        make_plan(write(GOOD), [override], bundled)


def test_all_problems_of_all_sections_come_at_once_in_the_order_of_the_file(write, bundled):
    bad = (
        GOOD.replace('"fault"', '"a/b"')
        .replace('"csv"', '"cvs"')
        .replace('"in-order"', '"in-ordr"')
        .replace("max_length = 64", "max_length = 1")
        .replace("batch_size = 16", 'batch_size = "16"\nlr = 3')
        .replace('"macro-metrics"', '"macro"')
    )

    with pytest.raises(RecipeError) as caught:
        make_plan(write(bad), ["seed=-1"], bundled)

    problems = caught.value.problems
    assert [2, 6, 11, 18, 25, 26, 33, None] == [problem.place.line for problem in problems]
    assert "--set seed=-1" == str(problems[-1].place)


def test_a_problem_shows_its_line_with_a_caret(write, bundled):
    with pytest.raises(RecipeError) as caught:
        make_plan(write(GOOD.replace("max_steps = 30", "\tmax_steps = 0")), [], bundled)

    assert ["    \tmax_steps = 0", "    \t            ^"] == str(caught.value).splitlines()[1:]


def test_a_secret_is_not_repeated(write, bundled):
    secret = "hf_" + "Ab1" * 10

    with pytest.raises(RecipeError) as caught:
        make_plan(write(GOOD.replace("texts.csv", f"https://x:{secret}@h/a")), [f"data.token={secret}"], bundled)

    assert 2 == len(caught.value.problems)
    assert secret not in str(caught.value)
