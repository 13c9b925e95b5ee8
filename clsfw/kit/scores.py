"""What the contract says of scores, checked: finite plain numbers, under names that a table can show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clsfw.errors import PluginError
from clsfw.kit.text import clean

_TAKEN = frozenset({"loss", "split", "step"})  # a line of the history holds these beside the scores
_LONGEST_SHOWN = 200  # characters


def check_scores(given: Any, who: object) -> dict[str, float]:
    """Return scores as plain numbers if they are what the contract says; `who` names the metric and its plugin.

    Raises:
        PluginError: they are something else than finite numbers, or have a name that no score may have.

    """
    if not hasattr(given, "items"):
        raise PluginError(f"{who} must give a mapping of names to numbers, not {type(given).__name__}")
    return {_name(key, who): _number(key, value, who) for key, value in given.items()}


def _name(key: object, who: object) -> str:
    if not isinstance(key, str) or not key.strip() or clean(key) != key:
        shown = repr(key)[:_LONGEST_SHOWN]
        raise PluginError(f"{who} names a score {shown}; use a line of text without control characters")
    if key in _TAKEN:
        raise PluginError(f"{who} gives {key!r}, a name that the run's history takes; the score needs another name")
    return key


def _number(key: object, value: object, who: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise PluginError(f"{who} must give plain numbers, but {key!r} is {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise PluginError(f"{who} gives {key!r} = {number}, which is not a finite number")
    return number
