"""What a checked recipe comes to: every value written out, where each comes from, which depend on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from clsfw.contract.component import LocalPath
from clsfw.toml.document import LISTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pydantic.fields import FieldInfo

    from clsfw.recipe.schema import Recipe
    from clsfw.recipe.sections import Part
    from clsfw.toml.document import Document
    from clsfw.toml.positions import KeyPath

_NO_EFFECT = ("name", "expect", "evidence.slices", "evidence.score_validation")
"""Settings that do not change what a run scores."""


def resolve(recipe: Recipe, parts: Mapping[KeyPath, Part[Any]]) -> dict[str, Any]:
    """Write a recipe out with all defaults, in TOML's own types: what is left out has no value."""
    own = recipe.model_dump(mode="json", by_alias=True, exclude_none=True)
    resolved = {key: own[key] for key in ("schema", "name", "seed")}
    resolved["data"] = parts["data",].dump()
    if "split" in own:
        resolved["split"] = own["split"]
    resolved["model"] = parts["model",].dump()
    resolved["trainer"] = parts["trainer",].dump()
    for section in LISTS:
        tables = [part.dump() for path, part in parts.items() if path[0] == section]
        if tables:
            resolved[section] = tables
    resolved["evidence"] = own["evidence"]
    if "expect" in own:
        resolved["expect"] = own["expect"]
    return resolved


def origins_of(resolved: Mapping[str, Any], document: Document, parts: Mapping[KeyPath, Part[Any]]) -> dict[str, str]:
    """Say of each value, by its dotted key, where it was given, or whose default it is."""
    origins = {}
    for path, _ in leaves(resolved):
        if path in document.spots:
            origins[dotted(path)] = document.spots[path].origin
        else:
            part = next((part for start, part in parts.items() if path[: len(start)] == start), None)
            origins[dotted(path)] = "default" if part is None else f"plugin {part.plugin.name} default"
    return origins


def portable(resolved: Mapping[str, Any], parts: Mapping[KeyPath, Part[Any]], folder: Path) -> dict[str, Any]:
    """Write the local paths of a resolved recipe as seen from a folder, and leave watchers out: they change nothing."""
    content = {key: value for key, value in resolved.items() if key != "watchers"}
    folder = folder.resolve()  # as the paths are
    for section in ("data", "model", "trainer"):
        content[section] = _change_paths(parts[section,].settings, content[section], lambda p: _relative(p, folder))
    metrics = [part for path, part in parts.items() if path[0] == "metrics"]
    content["metrics"] = [
        _change_paths(part.settings, dumped, lambda p: _relative(p, folder))
        for part, dumped in zip(metrics, content["metrics"], strict=True)
    ]
    if "expect" in content:  # what else differs is said there, and follows from the rest
        content["expect"] = {key: value for key, value in content["expect"].items() if key != "not_comparable"}
    return content


def _relative(value: str, folder: Path) -> str:
    if not Path(value).is_absolute():
        return value
    path = Path(os.path.relpath(value, folder)).as_posix()
    return path if path.split("/")[0] in {".", ".."} else f"./{path}"  # or it might be taken for an id on the hub


def _change_paths(settings: BaseModel, dumped: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    changed = dict(dumped)
    for name, info in type(settings).model_fields.items():
        key = info.alias or name
        value = getattr(settings, name)
        if key not in changed:
            continue
        if isinstance(value, BaseModel):
            changed[key] = _change_paths(value, changed[key], change)
        elif may_be_local(info):
            changed[key] = _change_texts(changed[key], change)
    return changed


def may_be_local(field: FieldInfo) -> bool:
    """Return whether a field of settings may hold a path of this machine, be it in a list or a table."""
    return _is_marked([*field.metadata, *get_args(field.annotation)])


def _is_marked(annotations: Iterable[Any]) -> bool:
    return any(isinstance(item, LocalPath) or _is_marked(get_args(item)) for item in annotations)


def _change_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_change_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _change_texts(item, change) for key, item in value.items()}
    return value


def differences(before: Mapping[str, Any], after: Mapping[str, Any], parts: Mapping[KeyPath, Part[Any]]) -> list[str]:
    """Name what differs between two resolved recipes and can change a score, as `key: value, not value`."""
    old, new = dict(leaves(before)), dict(leaves(after))
    found = []
    for path in [*old, *(path for path in new if path not in old)]:
        name = dotted(path)
        if old.get(path) == new.get(path) or any(name == k or name.startswith(f"{k}.") for k in _NO_EFFECT):
            continue
        if not _pinned(path, old, new, parts):
            found.append(f"{name}: {_told(new.get(path))}, not {_told(old.get(path))}")
    return found


def _pinned(
    path: KeyPath, old: Mapping[KeyPath, Any], new: Mapping[KeyPath, Any], parts: Mapping[KeyPath, Part[Any]]
) -> bool:
    """Return whether the same content is taken from another place: its hash is given, and the same."""
    part = parts.get(path[:1])
    if part is None or len(path) == 1:
        return False
    pinned = (path[0], "sha256", *path[2:])
    info = type(part.settings).model_fields.get(str(path[1]))
    return info is not None and may_be_local(info) and None is not new.get(pinned) == old.get(pinned)


def _told(value: Any) -> str:
    return "none" if value is None else repr(value)


def leaves(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Return every value that is not a table, with its path; a list of tables counts as tables."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def dotted(path: KeyPath) -> str:
    """Write a path as people write keys."""
    return ".".join(map(str, path))
