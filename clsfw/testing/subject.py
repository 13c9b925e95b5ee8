"""What a check looks at: a component with the settings to try it with, and the parts that it is tried together with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from clsfw.errors import ContractError
from clsfw.recipe.validating import validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw.contract.component import Component, Kind, Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Subject(Generic[T]):
    """A component under test.

    `values` are settings as a recipe writes them; relative paths among them start at `folder`. `partner` is the trainer
    that a model is tried with, or the model that a trainer is tried with.
    """

    kind: Kind
    component: Component[T]
    values: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = field(default_factory=Path.cwd)
    partner: Subject[Any] | None = None

    def __str__(self) -> str:
        """Name the component as messages do."""
        return f"{self.kind} {self.component.name!r}"

    def settings(self) -> Settings:
        """Check the values as a recipe's are checked.

        Raises:
            ContractError: they do not fit; a required one is missing, say.

        """
        try:
            return self.validate(self.values)
        except ValidationError as exc:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in exc.errors())
            raise ContractError(
                f"{self} cannot be tried with the settings {dict(self.values)!r}: {problems}; give some to try it with"
            ) from exc

    def validate(self, values: Mapping[str, Any]) -> Settings:
        """Check values against the component's settings."""
        return validate(self.component.settings, values, lambda _: self.folder)

    def build(self) -> T:
        """Build the part with its settings."""
        return self.component.build(self.settings())

    def beside(self, partner: Subject[Any] | None) -> Subject[T]:
        """Return the same component with another partner."""
        return replace(self, partner=partner)
