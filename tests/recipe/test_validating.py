"""Values mean the same in a recipe, in a finished run and in a test of a plugin."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import pytest
from pydantic import ValidationError

import clsfw
from clsfw.discovery.plugins import Plugin, Plugins
from clsfw.inference.classifier import RecordedParts
from clsfw.recipe.validating import validate
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


COMPONENT = clsfw.Component(name="shapes", summary="s", settings=Shapes, build=tell)


def test_lists_and_texts_become_what_the_fields_hold():
    assert EXPECTED == tell(validate(Shapes, VALUES))


def test_a_text_is_no_number():
    with pytest.raises(ValidationError, match="valid integer"):
        validate(Shapes, {**VALUES, "sizes": ["3", 4]})


def test_a_relative_path_starts_at_the_given_folder(tmp_path):
    settings = validate(Shapes, {**VALUES, "near": "file"}, lambda _: tmp_path)

    assert str(tmp_path / "file") == settings.near


@pytest.mark.parametrize("kind", ["model", "metric"])
def test_a_part_of_a_finished_run_takes_them(kind):
    plugin = Plugin("mine", "mine", "0", "ok", components={kind: [COMPONENT]})

    assert EXPECTED == RecordedParts({}, Plugins((plugin,))).build(kind, {"use": "shapes", **VALUES}).part


def test_a_subject_of_the_kit_takes_them():
    assert EXPECTED == Subject("metric", COMPONENT, VALUES).build()
