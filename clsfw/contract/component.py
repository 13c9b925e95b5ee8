"""What a plugin hands over: a named component, its typed settings, and the way to build it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping  # noqa: TC003  # `get_type_hints` of a component must work
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

T = TypeVar("T")
S = TypeVar("S", bound="Settings")

Kind = Literal["data", "model", "trainer", "metric", "watcher", "searcher", "exporter", "executor"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SPLITS = ("train", "validation", "test")
"""The names that a split may have, in the order in which rows are shared out; the last of them is judged first."""
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Settings(BaseModel):
    """Base of every component's settings: strict, frozen, unknown keys forbidden, NaN and infinity refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Component(Generic[T]):
    """One named thing that a plugin contributes.

    `build` takes the checked settings and gives the part; it is the first place where a heavy library may be imported.
    """

    name: str
    summary: str
    settings: type[Settings]
    build: Callable[[Any], T]


def validate(model: type[S], values: Mapping[str, Any], base_of: Callable[[str | None], str | Path] | None = None) -> S:
    """Check values of TOML's types against a settings class: in a recipe, in a finished run, in a plugin's test alike.

    `base_of` gives the folder where a relative path in a field starts.

    Raises:
        ValidationError: they do not fit (pydantic's own error).

    """
    context = None if base_of is None else {"base_of": base_of}
    # TOML has JSON's types, and pydantic's strictness fits them: a list may become a tuple there.
    return model.model_validate_json(json.dumps(dict(values), default=str), context=context)


def _base(info: ValidationInfo) -> Path:
    """Return the folder that a relative path of this field starts from; the plan passes it as validation context."""
    context = info.context or {}
    base_of = context.get("base_of")
    return Path.cwd() if base_of is None else Path(base_of(info.field_name))


def _absolute(value: str, info: ValidationInfo) -> str:
    if not value:
        raise ValueError("must not be empty")
    if "\0" in value:
        raise ValueError("a path cannot hold a NUL character")
    try:
        return str((_base(info) / Path(value).expanduser()).resolve())
    except (OSError, RuntimeError) as exc:  # an unknown home folder, a link that leads to itself, a name too long
        raise ValueError(f"{value[:200]!r} is not a usable path: {exc}") from exc


def _path_or_url(value: str, info: ValidationInfo) -> str:
    return value if "://" in value else _absolute(value, info)


def _path_or_hub_id(value: str, info: ValidationInfo) -> str:
    looks_local = value.startswith((".", "/", "~")) or value.count("/") > 1 or "\\" in value
    if looks_local or (value and _is_folder(_base(info) / value)):
        return _absolute(value, info)
    if not value:
        raise ValueError("must not be empty")
    return value


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, a NUL
        return False


class LocalPath:
    """Marks a field whose value may be a path of this machine, so that a recipe's identity can leave the folder out."""


RecipePath = Annotated[str, LocalPath(), AfterValidator(_absolute)]
"""A path; relative ones start at the recipe's folder (from `--set`: where the command runs)."""

PathOrUrl = Annotated[str, LocalPath(), AfterValidator(_path_or_url)]
"""A path as in `RecipePath`, or a URL, which is kept as it is."""

PathOrHubId = Annotated[str, LocalPath(), AfterValidator(_path_or_hub_id)]
"""A folder as in `RecipePath`, or an id on the Hugging Face hub such as `distilbert/distilbert-base-uncased`."""
