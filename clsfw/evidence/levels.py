"""Scores by level where the names of classes form a tree: `a/b/c` is a class of `a/b`, which is one of `a`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.evidence.metrics import MeanScores

SEPARATOR = "/"


@dataclass(frozen=True)
class Level:
    """The classes of one depth, each with its scores, and the accuracy and macro averages over them."""

    depth: int
    classes: Mapping[str, MeanScores]
    macro: Mapping[str, float]


def levels(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[Level]:
    """Return the levels from the top to the classes themselves; none where the names form no tree.

    A name with fewer parts than a level keeps its own class there. `matrix` counts true classes down, predicted across.
    """
    parts = [label.split(SEPARATOR) for label in labels]
    depth = max(map(len, parts), default=1)
    made = [_level(i, [SEPARATOR.join(names[:i]) for names in parts], matrix) for i in range(1, depth + 1)]
    if depth == 1 or len(made[0].classes) == len(labels):
        return []
    return made


def _level(depth: int, names: Sequence[str], matrix: Sequence[Sequence[int]]) -> Level:
    both, true, said = (dict.fromkeys(names, 0) for _ in range(3))
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            true[names[i]] += count
            said[names[j]] += count
            if names[i] == names[j]:
                both[names[i]] += count
    classes: dict[str, MeanScores] = {
        name: {
            "precision": _share(both[name], said[name]),
            "recall": _share(both[name], true[name]),
            "f1": _share(2 * both[name], true[name] + said[name]),
            "support": true[name],
        }
        for name in both
    }
    means = {
        "precision": sum(scores["precision"] for scores in classes.values()) / len(classes),
        "recall": sum(scores["recall"] for scores in classes.values()) / len(classes),
        "f1": sum(scores["f1"] for scores in classes.values()) / len(classes),
    }
    return Level(depth, classes, {"accuracy": _share(sum(both.values()), sum(true.values())), **means})


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
