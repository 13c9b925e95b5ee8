"""Values mean the same in a recipe, in a finished run and in a test of a plugin."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import pytest
from pydantic import ValidationError

import clsfw
from clsfw.contract.component import validate
from clsfw.discovery.parts import BuiltMetric
from clsfw.discovery.plugins import Plugin, Plugins
from clsfw.inference.classifier import RecordedParts
from clsfw.testing.subject import Subject


class Colour(Enum):
    RED = "red"


class Shapes(clsfw.Settings):
    sizes: tuple[int, int]
    names: frozenset[str]
    colour: Colour
    place: Path
    near: clsfw.RecipePath = "here"


VALUES = {"sizes": [3, 4], "names": ["a"], "colour": "red", "place": "x"}
EXPECTED = ((3, 4), frozenset({"a"}), Colour.RED, Path("x"))


def tell(settings):
    return settings.sizes, settings.names, settings.colour, settings.place


class Told:
    def __init__(self, settings):
        self.told = tell(settings)

    def compute(self, outcome):
        """Score nothing."""


COMPONENT = clsfw.Component(name="shapes", summary="s", settings=Shapes, build=Told)


def test_lists_and_texts_become_what_the_fields_hold():
    assert EXPECTED == tell(validate(Shapes, VALUES))


def test_a_text_is_no_number():
    with pytest.raises(ValidationError, match="valid integer"):
        validate(Shapes, {**VALUES, "sizes": ["3", 4]})


def test_a_relative_path_starts_at_the_given_folder(tmp_path):
    settings = validate(Shapes, {**VALUES, "near": "file"}, lambda _: tmp_path)

    assert str(tmp_path / "file") == settings.near


def test_a_part_of_a_finished_run_takes_them():
    plugin = Plugin("mine", "mine", "0", "ok", components={"metric": [COMPONENT]})
    built = RecordedParts({}, Plugins((plugin,))).build(BuiltMetric, {"use": "shapes", **VALUES})

    assert EXPECTED == built.part.told


def test_a_subject_of_the_kit_takes_them():
    assert EXPECTED == Subject("metric", COMPONENT, VALUES).build().part.told
