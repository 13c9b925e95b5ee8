"""The table `[study.space]`: which values each setting may have in a search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from clsfw.contract.component import Settings
from clsfw.contract.parts import Range
from clsfw.errors import RecipeError
from clsfw.recipe.plan import make_plan
from clsfw.recipe.sections import not_a_table, read_settings
from clsfw.toml.document import Flaw
from clsfw.toml.overrides import read_overrides
from clsfw.toml.positions import read_key
from clsfw.toml.wording import show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.discovery.plugins import Plugins
    from clsfw.toml.document import Document
    from clsfw.toml.overrides import Override
    from clsfw.toml.positions import KeyPath

SPACE: KeyPath = ("study", "space")
_PARTS = ("model", "trainer")
_STEPS_OFF = 1e-6  # of a step: decimal fractions do not add up exactly


class RangeTable(Settings):
    """The values of one setting: `choices`, or `low` and `high`."""

    low: int | float | None = Field(default=None, description="the least value")
    high: int | float | None = Field(default=None, description="the greatest value")
    step: int | float | None = Field(default=None, gt=0, description="only low, low + step and so on")
    log: bool = Field(default=False, description="draw by factors: from 1e-5 to 1e-4 as often as from 1e-4 to 1e-3")
    choices: tuple[Any, ...] | None = Field(default=None, min_length=1, description="a list of the values")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.choices is not None:
            if self.low is not None or self.high is not None or self.step is not None or self.log:
                raise ValueError("give either choices, or low and high")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give low and high, or choices")
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, not {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0 and no step")
        if self.whole and isinstance(self.step, float):
            raise ValueError("the step between whole numbers must be one, too")
        return self

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def to_range(self) -> Range:
        """Return it as searchers get it."""
        if self.choices is not None:
            return Range(choices=self.choices)
        low, high = (self.low, self.high) if self.whole else (float(self.low or 0), float(self.high or 0))
        return Range(low, high, self.step, self.log)


def holds(within: Range, value: object) -> bool:
    """Return whether a value is one of a range's, of the same type."""
    if within.choices:
        return any(value == choice and type(value) is type(choice) for choice in within.choices)
    low, high = within.low, within.high
    if low is None or high is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    whole = isinstance(low, int) and isinstance(high, int)
    if whole != isinstance(value, int) or not math.isfinite(value) or not low <= value <= high:
        return False
    steps = (value - low) / within.step if within.step is not None else 0.0
    return abs(steps - round(steps)) <= _STEPS_OFF


def read_space(
    document: Document, unchanged: Document, changes: Sequence[Override], plugins: Plugins
) -> tuple[dict[str, Range], list[Flaw]]:
    """Read the table, and try each setting at the ends of its range; return what is wrong beside the space.

    `unchanged` is the recipe as it was read, before the `changes` that made it the `document`.

    Raises:
        PluginError: a plugin failed while it was asked.

    """
    if (wrong := not_a_table(document, SPACE)) is not None:
        return {}, [wrong]
    space: dict[str, Range] = {}
    flaws: list[Flaw] = []
    if not document.get(SPACE):
        return {}, [Flaw(SPACE, "is empty; name the settings to search, with their values", at_key=True)]
    for key in document.get(SPACE):
        path = (*SPACE, key)
        if message := _wrong_key(key):
            flaws.append(Flaw(path, message, at_key=True))
            continue
        if (wrong := not_a_table(document, path)) is not None:
            flaws.append(Flaw(path, "must be { low = ..., high = ... } or { choices = [...] }"))
            continue
        table = read_settings(document, path, RangeTable, {})
        if isinstance(table, list):
            flaws += table
            continue
        space[key] = table.to_range()
        refused = _refused(key, space[key], unchanged, changes, plugins)
        flaws += [Flaw(path, refused)] if refused else []
    return space, flaws


def _wrong_key(key: str) -> str | None:
    try:
        parts = read_key(key)
    except ValueError:
        return 'is not the key of a setting, as in "trainer.learning_rate"'
    if parts[0] not in _PARTS or len(parts) < 2:  # noqa: PLR2004  # a table and a key
        return f'write a setting of {" or ".join(_PARTS)} in quotes, as in "trainer.learning_rate"'
    if parts[1] == "use":
        return "cannot be searched: each component has settings of its own; make a recipe for each, and compare them"
    return None


def _refused(key: str, within: Range, unchanged: Document, changes: Sequence[Override], plugins: Plugins) -> str | None:
    """Say why the recipe refuses the setting at an end of its range, or one of its choices."""
    for value in within.choices or (within.low, within.high):
        try:
            make_plan(unchanged, [*changes, *read_overrides({key: value})], plugins)
        except RecipeError as exc:
            words = exc.problems[0].message
            return f"{show(value)} is refused: {words.removeprefix(key.partition('.')[2] + ': ')}"
    return None
