"""What is checked of every component: that its settings explain themselves and let no slip of the pen through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from clsfw.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw.contract.component import Settings
    from clsfw.testing.subject import Subject

_UNKNOWN = "no_such_setting"


def settings_are_described(subject: Subject[Any]) -> None:
    """Each setting has a description, and `clsfw schema` can show them all."""
    bare = [name for name, field in _fields(subject.component.settings) if not (field.description or "").strip()]
    if bare:
        raise ContractError(f"{subject}: no description of {', '.join(bare)}; write Field(description=...)")
    subject.component.settings.model_json_schema()


def settings_are_strict(subject: Subject[Any]) -> None:
    """Unknown keys and texts for numbers are refused, and settings cannot be changed afterwards."""
    settings = subject.settings()
    if _accepts(subject, {**subject.values, _UNKNOWN: 1}):
        raise ContractError(
            f"{subject}: an unknown setting is accepted; do not override clsfw.Settings' extra='forbid'"
        )
    for name, field in subject.component.settings.model_fields.items():
        made = _made(subject, {**subject.values, field.alias or name: "1"})
        if made is not None and isinstance(getattr(made, name), (int, float)):
            raise ContractError(f"{subject}: {name} takes the text '1' for a number; do not override strict=True")
    if not settings.model_config.get("frozen"):
        raise ContractError(f"{subject}: its settings can be changed after they were checked; keep frozen=True")


def fit(subject: Subject[Any]) -> bool:
    """Return whether the component can be tried at all with the settings that it was given."""
    return _accepts(subject, dict(subject.values))


def _accepts(subject: Subject[Any], values: dict[str, Any]) -> bool:
    return _made(subject, values) is not None


def _made(subject: Subject[Any], values: dict[str, Any]) -> Settings | None:
    try:
        return subject.validate(values)
    except ValidationError:
        return None


def _fields(settings: type[BaseModel], before: str = "") -> Iterator[tuple[str, Any]]:
    """Return all fields with their dotted names, those of settings inside settings too."""
    for name, field in settings.model_fields.items():
        yield before + name, field
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _fields(kind, f"{before}{name}.")


CHECKS = (settings_are_described, settings_are_strict)
