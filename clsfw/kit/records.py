"""Compares nested records, such as two environments or two recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def differences(before: Mapping[str, object], now: Mapping[str, object], where: str = "") -> list[str]:
    """List what differs between two nested records, as `versions.torch: '2.13.0' before, '2.14.0' now`."""
    found = []
    for key in sorted(set(before) | set(now)):
        old, new = before.get(key), now.get(key)
        name = f"{where}{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            found.extend(differences(old, new, f"{name}."))
        elif old != new:
            found.append(f"{name}: {old!r} before, {new!r} now")
    return found


def plain(value: object) -> object:
    """Return the Python number in a numpy scalar or a tensor of one element."""
    item = getattr(value, "item", None)
    if item is None:
        raise TypeError(f"JSON has no value for a {type(value).__name__}")
    return item()
