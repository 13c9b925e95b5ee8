"""Words pydantic's errors for people who write recipes, and ties each to a path in the recipe."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from clsfw.kit.suggestions import did_you_mean, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from clsfw.toml.positions import KeyPath

_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "path_type": "a path in quotes",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "iterable_type": "a list",
    "dict_type": "a table",
    "mapping_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dataclass_type": "a table",
}
_LIMITS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}
_OWN_WORDS = ("value_error", "assertion_error")


def explain_errors(
    error: ValidationError, model: type[BaseModel], values: Any
) -> Iterator[tuple[KeyPath, str, ErrorDetails]]:
    """Return for each mistake its path below `values`, its words, and pydantic's own details.

    The path of a missing key is that of its table. Unknown keys come with empty words: what to say of them depends on
    the other tables.
    """
    wrong: dict[KeyPath, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        path = _path(details["loc"], values)
        if details["type"] == "missing":
            yield path, _missing(details["loc"][-1], model, path), details
        elif details["type"] == "extra_forbidden":
            yield path, "", details
        else:
            wrong.setdefault(path, []).append(details)
    for path, alternatives in wrong.items():
        value = _at(values, path)
        inside = any(deeper[: len(path)] == path != deeper for deeper in wrong)
        if inside and all(details["type"] in _WANTED for details in alternatives):
            continue  # of the kinds that a value may have, one took it and found fault with what is inside
        for details in alternatives if isinstance(value, dict) else ():
            if details["type"] in _OWN_WORDS:
                yield (*path, *_mentioned(_custom(details), value)), _custom(details), details
        rest = [d for d in alternatives if d["type"] not in _OWN_WORDS] if isinstance(value, dict) else alternatives
        if rest:
            yield path, _explain(rest, _required(model, path)), rest[0]


def show(value: Any) -> str:
    """Name a TOML value in a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {short(value)}"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value)


def fields_of(model: type[BaseModel], path: Sequence[str | int] = ()) -> dict[str, str]:
    """Return the keys that a table may have, with their descriptions; `path` leads to a table inside the settings."""
    return {
        field.alias or name: field.description or ""
        for inner in _models_at(model, path)
        for name, field in inner.model_fields.items()
    }


def choices_of(model: type[BaseModel], path: Sequence[str | int] = ()) -> dict[str, str]:
    """Return the words that a table's keys may be set to, each with its key; `path` as in `fields_of`."""
    return {
        word: field.alias or name
        for inner in _models_at(model, path)
        for name, field in inner.model_fields.items()
        for word in _words_in(field.annotation)
    }


def _words_in(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if isinstance(word, str)]
    return [word for inner in get_args(annotation) for word in _words_in(inner)]


def _models_at(model: type[BaseModel], path: Sequence[str | int]) -> list[type[BaseModel]]:
    models = [model]
    for part in path:
        inner: list[type[BaseModel]] = []
        for current in models:
            annotations = {field.alias or name: field.annotation for name, field in current.model_fields.items()}
            inner += _models_in(annotations[str(part)] if part in annotations else _extra(current))
        models = inner or models  # an index, or a key of a free table, stays at the same model
    return models


def _extra(model: type[BaseModel]) -> Any:
    """Return the type of the keys that a model takes besides its fields."""
    if model.model_config.get("extra") != "allow":
        return None
    with suppress(NameError):  # a name that its author imports for type checkers only
        return get_type_hints(model).get("__pydantic_extra__")
    return None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _path(loc: Sequence[str | int], values: Any) -> KeyPath:
    """Keep of pydantic's location what leads through the values; it also names branches of unions and validators."""
    path: list[str | int] = []
    for part in loc:
        within = values if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else ()
        if part in within:
            values = values[part]
            path.append(part)
    return tuple(path)


def _missing(name: str | int, model: type[BaseModel], path: KeyPath) -> str:
    if isinstance(name, int):
        return f"the list is too short: item {name + 1} is missing"
    description = fields_of(model, path).get(name)
    return f"missing key {name!r}" + (f" ({description})" if description else "")


def _mentioned(words: str, table: dict[str, Any]) -> KeyPath:
    """Point a message about a whole table at the first key that it names and that the recipe gives."""
    return next(((word,) for word in re.findall(r"[\w-]+", words) if word in table), ())


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        values = values[part]
    return values


def _required(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that a table must have, to say what one should look like."""
    return [
        info.alias or name
        for inner in (_models_at(model, path) if len(path) > 0 else [])
        if inner is not model
        for name, info in inner.model_fields.items()
        if info.is_required()
    ]


def _explain(alternatives: list[ErrorDetails], required: Sequence[str]) -> str:
    """Word what all branches of a union say about one value."""
    value = alternatives[0]["input"]
    fitting = [details for details in alternatives if details["type"] not in _WANTED and not _is_choice(details)]
    if fitting:
        if isinstance(value, int):  # a whole number is also a number, but the branch for whole numbers says more
            fitting = [d for d in fitting if any("int" in str(part) for part in d["loc"])] or fitting
        return " or ".join(dict.fromkeys(_limit(details) for details in fitting))
    wanted: dict[str, None] = {}
    choices: list[str] = []
    for details in alternatives:
        if _is_choice(details):
            expected = str(details.get("ctx", {}).get("expected", ""))
            wanted[expected if len(alternatives) > 1 else f"one of {expected}"] = None
            choices += re.findall(r"'([^']*)'", expected)
        else:
            wanted[_WANTED[details["type"]]] = None
    if "a number" in wanted:
        wanted.pop("a whole number", None)
    if required and "a table" in wanted:
        wanted = dict.fromkeys(
            f"{what} with {' and '.join(required)}" if what == "a table" else what for what in wanted
        )
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    return f"must be {' or '.join(wanted)}, not {show(value)}{hint}"


def _is_choice(details: ErrorDetails) -> bool:
    return details["type"] in {"literal_error", "enum"}


def _limit(details: ErrorDetails) -> str:
    words = _LIMITS.get(details["type"])
    context = details.get("ctx", {})
    if details["type"] == "string_too_short" and context.get("min_length") == 1:
        return "must not be empty"
    if details["type"] == "too_short" and context.get("min_length") == 1:
        return "must not be an empty list"
    if words is None:
        return _custom(details)
    given = details["input"]
    context = {key: _plain(value) for key, value in context.items()}
    return words.format(**context) + (f", not {show(given)}" if isinstance(given, (int, float, str)) else "")


def _plain(value: Any) -> Any:
    """Write a limit as people do: 1 rather than 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _custom(details: ErrorDetails) -> str:
    own = details.get("ctx", {}).get("error")
    if isinstance(own, Exception) and str(own):
        return str(own)
    message = details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message[:1].lower() + message[1:]
