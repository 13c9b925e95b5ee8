"""How mistakes in values are worded."""

from __future__ import annotations

import datetime as dt  # noqa: TC003  # pydantic reads it at run time
import enum
import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, field_validator, model_validator

from clsfw.contract.component import Settings
from clsfw.toml.wording import choices_of, explain_errors, fields_of, show


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(Settings):
    size: int = Field(ge=2, description="how large")
    also: int = 0


class Everything(Settings):
    whole: Annotated[int, Field(ge=1, le=9)] = 1
    number: Annotated[float, Field(gt=0, lt=1)] = 0.5
    text: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    pattern: Annotated[str, Field(pattern="^[a-z]{2}$")] = "ab"
    flag: bool = False
    choice: Literal["linear", "cosine"] = "linear"
    colour: Colour = Colour.RED
    every: Annotated[int, Field(ge=1)] | Literal["epoch"] = 1
    share: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, le=1)] | None = None
    pair: tuple[int, int] = (1, 2)
    names: Annotated[list[str], Field(min_length=1)] = Field(default=["a"])
    table: dict[str, int] = Field(default_factory=dict)
    inner: Inner | None = None
    many: list[Inner] = Field(default_factory=list)
    day: dt.date | None = None
    anything: Any = None

    @field_validator("table")
    @classmethod
    def _positive(cls, value: dict[str, int]) -> dict[str, int]:
        if any(number < 0 for number in value.values()):
            raise ValueError("no number may be negative")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Everything:
        if self.whole == 7:
            raise ValueError("flag or whole: seven is too many")
        return self


def told(given):
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate_json(json.dumps(given))
    return [(".".join(map(str, path)), words) for path, words, _ in explain_errors(caught.value, Everything, given)]


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ({"whole": "3"}, "whole", "must be a whole number, not the text '3'"),
        ({"whole": 3.0}, "whole", "must be a whole number, not 3.0"),
        ({"whole": True}, "whole", "must be a whole number, not true"),
        ({"whole": 0}, "whole", "must be at least 1, not 0"),
        ({"whole": 10}, "whole", "must be at most 9, not 10"),
        ({"number": "x"}, "number", "must be a number, not the text 'x'"),
        ({"number": 0}, "number", "must be greater than 0, not 0"),
        ({"number": 1.0}, "number", "must be less than 1, not 1.0"),
        ({"text": 5}, "text", "must be text in quotes, not 5"),
        ({"text": ""}, "text", "must not be empty"),
        ({"text": "abcd"}, "text", "must have at most 3 characters, not the text 'abcd'"),
        ({"pattern": "AB"}, "pattern", "must match the pattern ^[a-z]{2}$, not the text 'AB'"),
        ({"flag": 1}, "flag", "must be true or false, not 1"),
        ({"flag": "true"}, "flag", "must be true or false, not the text 'true'"),
        (
            {"choice": "cosin"},
            "choice",
            "must be one of 'linear' or 'cosine', not the text 'cosin'; did you mean 'cosine'?",
        ),
        ({"choice": 3}, "choice", "must be one of 'linear' or 'cosine', not 3"),
        ({"colour": "rad"}, "colour", "must be one of 'red' or 'blue', not the text 'rad'; did you mean 'red'?"),
        (
            {"every": "epochs"},
            "every",
            "must be a whole number or 'epoch', not the text 'epochs'; did you mean 'epoch'?",
        ),
        ({"every": 0}, "every", "must be at least 1, not 0"),
        ({"share": 0}, "share", "must be at least 1, not 0"),
        ({"share": 1.5}, "share", "must be at most 1, not 1.5"),
        ({"share": "all"}, "share", "must be a number, not the text 'all'"),
        ({"pair": 3}, "pair", "must be a list, not 3"),
        ({"pair": [1, "x"]}, "pair.1", "must be a whole number, not the text 'x'"),
        ({"pair": [1]}, "pair", "the list is too short: item 2 is missing"),
        ({"pair": [1, 2, 3]}, "pair", "must have at most 2 items"),
        ({"names": []}, "names", "must not be an empty list"),
        ({"names": ["a", 2]}, "names.1", "must be text in quotes, not 2"),
        ({"table": [1]}, "table", "must be a table, not a list"),
        ({"table": {"a": "b"}}, "table.a", "must be a whole number, not the text 'b'"),
        ({"table": {"a": -1}}, "table", "no number may be negative"),
        ({"inner": 3}, "inner", "must be a table with size, not 3"),
        ({"inner": {}}, "inner", "missing key 'size' (how large)"),
        ({"inner": {"size": 1}}, "inner.size", "must be at least 2, not 1"),
        ({"many": [{"size": 3}, {"size": 1}]}, "many.1.size", "must be at least 2, not 1"),
        ({"many": [{"also": 3}]}, "many.0", "missing key 'size' (how large)"),
        ({"whole": 7, "flag": True}, "flag", "flag or whole: seven is too many"),
        ({"whole": 7}, "whole", "flag or whole: seven is too many"),
    ],
)
def test_each_mistake_has_its_place_and_its_words(given, path, words):
    assert [(path, words)] == told(given)


def test_an_unknown_key_is_left_to_who_knows_the_other_tables():
    assert [("inner.sise", ""), ("inner", "missing key 'size' (how large)")] == sorted(
        told({"inner": {"sise": 1}}), reverse=True
    )


def test_what_is_not_foreseen_is_told_in_the_librarys_words():
    ((path, words),) = told({"day": "yesterday"})

    assert "day" == path
    assert words
    assert words[0].islower()


def test_all_mistakes_are_told():
    assert 3 == len(told({"whole": 0, "number": 2, "inner": {"size": "x"}}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (3, "3"),
        (0.5, "0.5"),
        (float("nan"), "nan"),
        ("a", "the text 'a'"),
        ([1], "a list"),
        ({"a": 1}, "a table"),
        ("x" * 100, f"the text '{'x' * 60}...'"),
    ],
)
def test_values_are_named_as_toml_has_them(value, expected):
    assert expected == show(value)


def test_the_words_of_choices_are_known_with_their_keys():
    assert {"linear": "choice", "cosine": "choice", "epoch": "every"} == choices_of(Everything)
    assert {} == choices_of(Everything, ("inner",))


@pytest.mark.parametrize(("path", "expected"), [((), 16), (("inner",), 2), (("many", 0), 2)])
def test_the_keys_of_inner_tables_are_known(path, expected):
    assert expected == len(fields_of(Everything, path))
