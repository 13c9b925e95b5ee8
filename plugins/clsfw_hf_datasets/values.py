"""What label values mean: from the values of a column to class ids and names."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from datasets import ClassLabel, LargeList, List

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_CLASSES = 1000
"""More distinct values than this are taken for a column of texts or numbers, unless they are declared."""


class RowError(ValueError):
    """What is wrong with a row; the message goes on a sentence that began with its place."""


def class_names(feature: Any) -> tuple[str, ...] | None:
    """Return the class names that a column carries itself, in a list or not."""
    inner = feature.feature if isinstance(feature, (List, LargeList)) else feature
    return tuple(inner.names) if isinstance(inner, ClassLabel) and inner.names else None


class Vocabulary:
    """The classes: given beforehand, by the settings or by the data set itself, or gathered from the values."""

    def __init__(self, declared: Mapping[str, str] | None, own: Sequence[str] | None) -> None:
        self.met: set[str] = set()
        """The values that occurred."""
        self._own = own
        self._shown = declared or ({name: name for name in own} if own is not None else None)
        self._ids: dict[str, int] = {} if self._shown is None else {key: i for i, key in enumerate(self._shown)}

    def id_of(self, value: object) -> int:
        """Return the id of a value; gathered ids are provisional until `final`.

        Raises:
            RowError: it is missing, of a kind that is not a class, undeclared, or one too many.

        """
        key = self._key(value)
        if key in self._ids:
            self.met.add(key)
            return self._ids[key]
        if self._shown is not None:
            near = difflib.get_close_matches(key, self._shown, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise RowError(f"its label {key[:60]!r} is not among the declared ones{hint}")
        if len(self._ids) == MOST_CLASSES:
            raise RowError(
                f"with it the labels have more than {MOST_CLASSES} different values, as a column of texts or numbers "
                "has; name another label_column, or declare the values under [data.labels]"
            )
        self.met.add(key)
        return self._ids.setdefault(key, len(self._ids))

    def _key(self, value: object) -> str:
        if value is None or value == "":
            raise RowError("it has no label")
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            if self._own is None:
                return str(value)
            if not 0 <= value < len(self._own):
                raise RowError(f"its label is {value}, which stands for no class (-1 marks data without labels)")
            return self._own[value]
        if isinstance(value, str):
            return value
        raise RowError(f"its label is a {type(value).__name__}, not a string, a whole number or a list of them")

    def final(self) -> tuple[list[str], list[int]]:
        """Return the class names, and for each id given out the final one: sorted, whole numbers by size."""
        if self._shown is not None:
            return list(self._shown.values()), list(range(len(self._ids)))
        numbers = all(key.removeprefix("-").isdecimal() for key in self._ids)
        names = sorted(self._ids, key=(lambda key: (int(key), key)) if numbers else None)
        return names, [names.index(key) for key in self._ids]
