"""Checks plain values against a settings class: in a recipe, in a finished run, in a test of a plugin alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from clsfw.contract.component import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

S = TypeVar("S", bound=Settings)


def validate(model: type[S], values: Mapping[str, Any], base_of: Callable[[str | None], str | Path] | None = None) -> S:
    """Check values of TOML's types; `base_of` gives the folder where a relative path in a field starts.

    Raises:
        ValidationError: they do not fit (pydantic's own error).

    """
    context = None if base_of is None else {"base_of": base_of}
    # TOML has JSON's types, and pydantic's strictness fits them: a list may become a tuple there.
    return model.model_validate_json(json.dumps(dict(values), default=str), context=context)
