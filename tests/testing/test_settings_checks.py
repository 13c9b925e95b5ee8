"""Each check of settings lets sound ones pass, and fails settings that are bad in just its way."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # pydantic reads it at run time
from typing import Annotated, Literal

import pytest
from pydantic import BeforeValidator, ConfigDict, Field

import clsfw
from clsfw.errors import ContractError
from clsfw.testing import check_settings, settings_checks
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject


class Inner(clsfw.Settings):
    size: int = Field(3, description="how large")


class Sound(clsfw.Settings):
    name: str = Field("x", description="what it is called")
    size: int | None = Field(None, ge=1, description="how large")
    inner: Inner | None = Field(None, description="more")
    word_or_number: int | str = Field(1, description="either")
    yes_or_where: bool | Path = Field(default=False, description="whether, or where")


class Bare(clsfw.Settings):
    size: int = 3


class BareInside(clsfw.Settings):
    inner: Bare | None = Field(None, description="more")


class TakesAnything(clsfw.Settings):
    model_config = ConfigDict(extra="allow")
    size: int = Field(3, description="how large")


class TakesText(clsfw.Settings):
    model_config = ConfigDict(strict=False)
    size: int | None = Field(None, description="how large")


class TakesTextInPlaces(clsfw.Settings):
    every: Annotated[int, Field(ge=1), BeforeValidator(int)] | Literal["epoch"] = Field(3, description="how often")


class TakesTextByAnotherName(clsfw.Settings):
    size: float = Field(3, alias="Size", strict=False, description="how large")


class CanBeChanged(clsfw.Settings):
    model_config = ConfigDict(frozen=False)
    size: int = Field(3, description="how large")


class Needy(clsfw.Settings):
    path: str = Field(description="where it is")


def component(settings):
    return clsfw.Component(name="great", summary="s", settings=settings, build=print)


BAD = [
    (settings_checks.settings_are_described, Bare, "no description of size"),
    (settings_checks.settings_are_described, BareInside, "no description of inner.size"),
    (settings_checks.settings_are_strict, TakesAnything, "an unknown setting is accepted"),
    (settings_checks.settings_are_strict, TakesText, "size takes the text '1' for a number"),
    (settings_checks.settings_are_strict, TakesTextInPlaces, "every takes the text '1' for a number"),
    (settings_checks.settings_are_strict, TakesTextByAnotherName, "size takes the text '1' for a number"),
    (settings_checks.settings_are_strict, CanBeChanged, "can be changed after they were checked"),
    (settings_checks.settings_are_strict, Needy, "cannot be tried with the settings {}: path: Field required"),
]


@pytest.mark.parametrize("check", settings_checks.CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("good", [Sound, clsfw.Settings], ids=["sound", "none"])
def test_sound_settings_pass(check, good):
    Check(Subject("metric", component(good)), check)()


@pytest.mark.parametrize(("check", "bad", "words"), BAD, ids=[bad.__name__ for _, bad, _ in BAD])
def test_bad_settings_fail(check, bad, words):
    with pytest.raises(ContractError, match=words):
        Check(Subject("metric", component(bad)), check)()


def test_every_check_has_bad_settings():
    assert set(settings_checks.CHECKS) == {check for check, _, _ in BAD}


def test_check_settings_tells_all_at_once():
    class Bad(Bare):
        model_config = ConfigDict(extra="allow")

    with pytest.raises(ContractError) as caught:
        check_settings(component(Bad))

    assert 2 == len(str(caught.value).splitlines())


def test_check_settings_takes_values_to_try_with():
    check_settings(component(Needy), {"path": "here"})
