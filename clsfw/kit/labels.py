"""Labels of texts: as numbers, and several of them in one cell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

# numpy is imported where it is used: every command imports this module, and most need no numbers.
if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from datasets import Dataset
    from numpy.typing import DTypeLike, NDArray

    from clsfw.contract.parts import Labels

SEPARATOR = "|"
"""What separates several labels of one text in a cell."""

_CHUNK = 10_000


def references(data: Dataset, labels: Labels) -> NDArray[np.int64]:
    """Return the true labels: class ids [N], or 0/1 [N, C] with several labels per text."""
    if not labels.multi_label:
        return numbers(data, "label")
    import numpy as np

    matrix = np.zeros((len(data), len(labels.names)), dtype=np.int64)
    for row, ids in enumerate(data["label"][:]):
        matrix[row, ids] = 1
    return matrix


def label_counts(data: Dataset, labels: Labels) -> dict[str, int]:
    """Count the texts of each class, by the classes' names."""
    import numpy as np

    counts = np.zeros(len(labels.names), dtype=np.int64)
    for batch in data.select_columns("label").iter(batch_size=10_000):
        ids = [i for row in batch["label"] for i in row] if labels.multi_label else batch["label"]
        counts += np.bincount(np.asarray(ids, dtype=np.int64), minlength=len(labels.names))
    return {name: int(count) for name, count in zip(labels.names, counts, strict=True)}


def join_labels(names: Iterable[str], separator: str = SEPARATOR) -> str:
    r"""Join the labels of one text into a cell; in names a `\` goes before each `\` and start of a separator."""
    first = separator[0]
    return separator.join(name.replace("\\", "\\\\").replace(first, f"\\{first}") for name in names)


def split_labels(cell: str, separator: str = SEPARATOR) -> list[str]:
    """Return the labels that `join_labels` joined; none of an empty cell."""
    if not cell:
        return []
    if "\\" in separator:
        return cell.split(separator)
    parts, at = [""], 0
    for found in re.finditer(rf"\\(\\|{re.escape(separator[0])})|{re.escape(separator)}", cell):
        parts[-1] += cell[at : found.start()] + (found[1] or "")
        if found[1] is None:
            parts.append("")
        at = found.end()
    parts[-1] += cell[at:]
    return parts


def numbers(data: Dataset, column: str, dtype: DTypeLike = "int64") -> NDArray[Any]:
    """Return a column of whole numbers [N]: read in chunks, since one row at a time takes 25 microseconds a row."""
    import numpy as np

    values = data[column]
    found = np.empty(len(values), dtype)
    for start in range(0, len(values), _CHUNK):
        found[start : start + _CHUNK] = values[start : start + _CHUNK]
    return found
