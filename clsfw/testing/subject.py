"""What a check looks at: a component with the settings to try it with, and the parts that it is tried together with."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from clsfw.contract.component import validate
from clsfw.discovery.blame import describe
from clsfw.discovery.parts import BUILT, build_from_values
from clsfw.discovery.plugins import Plugin
from clsfw.errors import ContractError, PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw.contract.component import Component, Kind, Settings

T = TypeVar("T")


@dataclass(frozen=True)
class Subject(Generic[T]):
    """A component under test.

    `values` are settings as a recipe writes them; relative paths among them start at `folder`. `partner` is the trainer
    that a model is tried with, or the model that a trainer is tried with. `plugin` is whose component it is, if that is
    known.
    """

    kind: Kind
    component: Component[T]
    values: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = field(default_factory=Path.cwd)
    partner: Subject[Any] | None = None
    plugin: Plugin | None = None

    def __str__(self) -> str:
        """Name the component as messages do."""
        return f"{self.kind} {self.component.name!r}"

    @property
    def owner(self) -> Plugin:
        """Who answers for the component: its plugin, or else the package that builds it."""
        if self.plugin is not None:
            return self.plugin
        module = str(getattr(self.component.build, "__module__", ""))
        top, own = (getattr(sys.modules.get(name), "__file__", None) for name in (module.partition(".")[0], module))
        file = Path(top or own or "unknown")  # a folder without `__init__.py` has no file
        folder = file.parent if file.name == "__init__.py" else file
        return Plugin(self.component.name, "clsfw.testing", "0", "ok", folder=folder)

    def told(self, exc: BaseException) -> str:
        """Say what the component's own code raised, and at which line."""
        guarded = exc.__cause__ if isinstance(exc, PluginError) else None
        return describe(guarded or exc, self.owner.folder)

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

    def build(self) -> Any:
        """Build the part with its settings, as a run does: a `BuiltPart` of the subject's kind."""
        self.settings()
        return self.build_with(self.values)

    def build_with(self, values: Mapping[str, Any]) -> Any:
        """Build the part with other values."""
        return build_from_values(BUILT[self.kind], self.owner, self.component, values, lambda _: self.folder)

    def beside(self, partner: Subject[Any] | None) -> Subject[T]:
        """Return the same component with another partner."""
        return replace(self, partner=partner)
