"""Gathers values of an Arrow file in any order, each from where it lies in the mapped file.

pyarrow itself takes rows in another order than the file's batch by batch, which is slow where each row comes from
another batch, or puts all of a column into one piece of memory first. Texts and int64 numbers without gaps are read
here; of others there is no `Column`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_MOST_BYTES = 2**31 - 1  # of texts in one array whose ends are int32


@dataclass(frozen=True)
class Column:
    """Where the values of a column lie in a file of B batches.

    `items` is the file as numbers, which are the values themselves, or where each text of a batch ends; `firsts` [B]
    says where among them those of a batch begin, `texts` [B] at which byte of the file its texts do.
    """

    kind: Any
    file: Any
    items: NDArray[Any]
    firsts: Ints
    texts: Ints | None

    @classmethod
    def of(cls, file: Any, batches: Sequence[Any], number: int) -> Column | None:
        """Find column `number` of the batches in a file, a `pyarrow.Buffer` of all its bytes; None if it is unusual."""
        import pyarrow as pa

        kind = batches[0].schema.field(number).type if batches else None
        item = {pa.string(): np.int32, pa.large_string(): np.int64, pa.int64(): np.int64}.get(kind)
        if item is None or any(batch.column(number).null_count for batch in batches):
            return None
        size = np.dtype(item).itemsize
        places = [_places(batch.column(number), size, file.address) for batch in batches]
        starts, texts = np.array(places, np.int64).T
        if (starts % size).any() or min(starts.min(), texts.min()) < 0 or max(starts.max(), texts.max()) > file.size:
            return None  # it is not in the file as it is, but was compressed
        items = np.frombuffer(file, item, file.size // size)
        return cls(kind, memoryview(file), items, starts // size, None if kind == pa.int64() else texts)

    def take(self, batch: Ints, row: Ints) -> Any:
        """Return the values of N rows, each by its batch and its row within it, as an Arrow array; None if too long."""
        import pyarrow as pa

        at = self.firsts[batch] + row
        if self.texts is None:
            return pa.Array.from_buffers(self.kind, len(at), [None, pa.py_buffer(self.items[at])])
        begins, ends = self.items[at].astype(np.int64), self.items[at + 1].astype(np.int64)
        bounds = np.zeros(len(at) + 1, np.int64)
        np.cumsum(ends - begins, out=bounds[1:])
        if self.kind == pa.string() and bounds[-1] > _MOST_BYTES:
            return None
        text = self.texts[batch]
        found = [self.file[a:b] for a, b in zip((text + begins).tolist(), (text + ends).tolist(), strict=True)]
        buffers = [None, pa.py_buffer(bounds.astype(self.items.dtype)), pa.py_buffer(b"".join(found))]
        return pa.Array.from_buffers(self.kind, len(at), buffers)


def _places(values: Any, size: int, start: int) -> tuple[int, int]:
    """Return at which byte of the file the items and the texts of an Arrow array begin; 0 where it has none."""
    _, items, *texts = values.buffers()
    first = items.address - start + values.offset * size if items is not None and len(values) else 0
    return first, texts[0].address - start if texts and texts[0] is not None and texts[0].size else 0
