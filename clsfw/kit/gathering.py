"""Gathers values of an Arrow file in any order, each from where it lies in the mapped file.

pyarrow itself takes rows in another order than the file's batch by batch, which is slow where each row comes from
another batch, or puts all of a column into one piece of memory first. Texts, int64 numbers and lists of them, without
gaps, are read here; of others there is no `Column`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_MOST = 2**31 - 1  # bytes of texts, or numbers of lists, in one array whose ends are int32


@dataclass(frozen=True)
class Column:
    """Where the values of a column lie in a file of B batches.

    `items` is the file as numbers, which are the values themselves, or where each text or list of a batch ends;
    `firsts` [B] says where among them those of a batch begin, `inner` [B] at which byte of the file its texts or the
    numbers of its lists do, and `width` how many bytes a character or a number has.
    """

    kind: Any
    file: Any
    items: NDArray[Any]
    firsts: Ints
    inner: Ints
    width: int

    @classmethod
    def of(cls, file: Any, batches: Sequence[Any], number: int) -> Column | None:
        """Find column `number` of the batches in a file, a `pyarrow.Buffer` of all its bytes; None if it is unusual."""
        import pyarrow as pa

        kind = batches[0].schema.field(number).type if batches else None
        lists = kind is not None and pa.types.is_list(kind) and kind.value_type == pa.int64()
        ends = {pa.string(): np.int32, pa.large_string(): np.int64, pa.int64(): np.int64}
        item = np.int32 if lists else ends.get(kind)
        columns = [batch.column(number) for batch in batches]
        if item is None or any(part.null_count or (lists and part.values.null_count) for part in columns):
            return None
        size = np.dtype(item).itemsize
        firsts, inner = np.array([_places(part, size, file.address) for part in columns], np.int64).T
        if (firsts % size).any() or min(firsts.min(), inner.min()) < 0 or max(firsts.max(), inner.max()) > file.size:
            return None  # it is not in the file as it is, but was compressed
        items = np.frombuffer(file, item, file.size // size)
        return cls(kind, memoryview(file), items, firsts // size, inner, 8 if lists else 1)

    def take(self, batch: Ints, row: Ints) -> Any:
        """Return the values of N rows, each by its batch and its row within it, as an Arrow array; None if too long."""
        import pyarrow as pa

        at = self.firsts[batch] + row
        if self.kind == pa.int64():
            return pa.Array.from_buffers(self.kind, len(at), [None, pa.py_buffer(self.items[at])])
        begins, ends = self.items[at].astype(np.int64), self.items[at + 1].astype(np.int64)
        bounds = np.zeros(len(at) + 1, np.int64)
        np.cumsum(ends - begins, out=bounds[1:])
        if self.items.dtype == np.int32 and bounds[-1] > _MOST:
            return None
        places = [(self.inner[batch] + self.width * edges).tolist() for edges in (begins, ends)]
        found = pa.py_buffer(b"".join([self.file[a:b] for a, b in zip(*places, strict=True)]))
        buffers = [None, pa.py_buffer(bounds.astype(self.items.dtype))]
        if self.width == 1:
            return pa.Array.from_buffers(self.kind, len(at), [*buffers, found])
        numbers = pa.Array.from_buffers(pa.int64(), int(bounds[-1]), [None, found])
        return pa.Array.from_buffers(self.kind, len(at), buffers, children=[numbers])


def _places(values: Any, size: int, start: int) -> tuple[int, int]:
    """Return at which byte of the file the items of an Arrow array begin, and its texts or lists; 0 where it has none.

    Arrays that were read from a file begin at the first place of their buffers.
    """
    _, items, *inner = values.buffers()
    first = items.address - start + values.offset * size if items is not None and len(values) else 0
    return first, inner[-1].address - start if inner and inner[-1] is not None and inner[-1].size else 0
