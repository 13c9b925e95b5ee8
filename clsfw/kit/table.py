"""Rows mapped from an Arrow file, read without the `datasets` library, which takes a second to import.

A part that gets such a table may do with it what it does with a `datasets.Dataset`: what is not here is asked of a real
one, which is made of the same rows then.
"""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.kit import gathering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from datasets import Dataset
    from numpy.typing import NDArray

    Chosen = range | NDArray[np.integer[Any]]

_CHUNK = 1_000


class Table:
    """Some rows and columns of an Arrow stream as `datasets` writes it; all of them unless they are chosen."""

    def __init__(self, path: Path) -> None:
        """Map a file.

        Raises:
            OSError: it cannot be read.
            pyarrow.ArrowInvalid: it is not an Arrow stream.

        """
        import pyarrow as pa

        file = pa.memory_map(str(path))
        self._arrow = pa.ipc.open_stream(file).read_all()
        file.seek(0)
        self._file = file.read_buffer()  # the same mapped bytes
        self._places: dict[str, gathering.Column | None] = {}
        self._path = path
        self._batches = self._arrow.to_batches()
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        self._chosen: Chosen = range(self._arrow.num_rows)
        self._columns: list[str] = self._arrow.column_names
        self._real: Dataset | None = None

    def dataset(self) -> Dataset:
        """Return the same rows and columns as a data set, made at the first call."""
        if self._real is None:
            from datasets import Dataset
            from datasets.table import MemoryMappedTable

            real = Dataset(MemoryMappedTable(self._arrow, str(self._path)))
            if len(self._chosen) < self._arrow.num_rows or not isinstance(self._chosen, range):
                real = mapped(real, self._chosen)
            self._real = real if self._columns == real.column_names else real.select_columns(self._columns)
        return self._real

    def __getattr__(self, name: str) -> Any:
        """Ask the data set for what is not here."""
        if name.startswith("__"):  # what Python itself looks for, as in `__array__`
            raise AttributeError(name)
        return getattr(self.dataset(), name)

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        """What `isinstance` sees, where anybody could ask for it: a data set."""
        library = sys.modules.get("datasets")
        return Table if library is None else getattr(library, "Dataset", Table)

    def __copy__(self) -> Table:
        """Return another table of the same rows; what is done to its data set does not reach this one's."""
        other = object.__new__(Table)
        vars(other).update(vars(self), _real=copy.copy(self._real))
        return other

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Let another process have the data set."""
        return self.dataset().__reduce_ex__(protocol)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._chosen) if self._real is None else len(self._real)

    def __iter__(self) -> Iterator[Any]:
        """Return the rows, each as a dict."""
        return iter(self.dataset())

    def __getitem__(self, key: Any) -> Any:
        """Return a column by its name, whose values are read as they are asked for; or rows."""
        plain = isinstance(key, str) and self._real is None and key in self._columns and _is_plain(self.type_of(key))
        return Column(self, key) if plain else self.dataset()[key]

    @property
    def column_names(self) -> list[str]:
        """The columns in their order."""
        return list(self._columns) if self._real is None else list(self._real.column_names)

    def type_of(self, column: str) -> Any:
        """Return the Arrow type of a column."""
        return self._arrow.schema.field(column).type

    def classes(self) -> tuple[tuple[str, ...], bool] | None:
        """Return the names of the classes, and whether a text may carry several; None if the columns are unusual."""
        try:
            features = json.loads(self._arrow.schema.metadata[b"huggingface"])["info"]["features"]
            texts = {features[name]["dtype"] for name in ("text", *({"text_pair"} & features.keys()))}
            several = features["label"]["_type"] == "List"
            classes = features["label"]["feature"] if several else features["label"]
            names = tuple(classes["names"])
        except (TypeError, KeyError, ValueError):
            return None
        sound = names and classes["_type"] == "ClassLabel" and texts <= {"string", "large_string"}
        return (names, several) if sound else None

    def select(self, rows: Any, **options: Any) -> Any:
        """Return some rows, by their numbers from 0."""
        ours = self._real is None and not options and isinstance(rows, (range, np.ndarray))
        if not ours or (len(rows) and not _are_within(rows, len(self))):
            return self.dataset().select(rows, **options)
        if isinstance(rows, range) and rows.step == 1:
            return self._with(_chosen=self._chosen[rows.start : rows.stop])
        numbers = np.asarray(rows)
        if not isinstance(self._chosen, range):
            return self._with(_chosen=self._chosen[numbers])
        return self._with(_chosen=numbers + self._chosen.start if self._chosen.start else numbers)

    def select_columns(self, columns: str | list[str], **options: Any) -> Any:
        """Return some columns."""
        names = [columns] if isinstance(columns, str) else list(columns)
        if self._real is not None or options or not set(names) <= set(self._columns):
            return self.dataset().select_columns(columns, **options)
        return self._with(_columns=names)

    def iter(self, batch_size: int, **options: Any) -> Iterator[Any]:
        """Return so many rows at a time, as a dict of lists."""
        if self._real is not None or options or not all(_is_plain(self.type_of(name)) for name in self._columns):
            yield from self.dataset().iter(batch_size, **options)
            return
        for batch in self.batches(batch_size):
            yield batch.to_pydict()

    def batches(self, size: int) -> Iterator[Any]:
        """Return so many rows at a time, as a `pyarrow.Table`."""
        for start in range(0, len(self._chosen), size):
            yield self.read(start, start + size, self._columns)

    def read(self, start: int, stop: int, columns: list[str]) -> Any:
        """Return the rows from `start` on and before `stop` as a `pyarrow.Table`."""
        rows = self._chosen[start:stop]
        if isinstance(rows, range):
            return self._arrow.select(columns).slice(rows.start, len(rows))
        if not len(rows):
            return self._arrow.select(columns).slice(0, 0)
        return self._gathered(rows, columns)

    def _gathered(self, rows: NDArray[np.integer[Any]], columns: list[str]) -> Any:
        """Return some rows in the order given."""
        import pyarrow as pa

        numbers = rows.astype(np.int64)
        batch = np.searchsorted(self._starts, numbers, side="right") - 1
        found = []
        for column in columns:
            place = self._place(column)
            values = None if place is None else place.take(batch, numbers - self._starts[batch])
            found.append(self._by_batches(rows, column) if values is None else values)
        return pa.Table.from_arrays(found, names=columns)

    def _place(self, column: str) -> gathering.Column | None:
        """Return where a column lies in the file, found out once for all tables of it."""
        if column not in self._places:
            number = self._arrow.schema.get_field_index(column)
            self._places[column] = gathering.Column.of(self._file, self._batches, number)
        return self._places[column]

    def _by_batches(self, rows: NDArray[np.integer[Any]], column: str) -> Any:
        """Return values of an unusual column; pyarrow would first put all of it into one piece of memory."""
        import pyarrow as pa

        order = np.argsort(rows, kind="stable")
        rising = rows[order].astype(np.int64)
        within = np.searchsorted(self._starts, rising, side="right") - 1  # the batch of each row
        edges = [0, *(np.flatnonzero(np.diff(within)) + 1).tolist(), len(rows)]
        local = rising - self._starts[within]
        numbers, firsts, places = within.tolist(), local.tolist(), _arrow(local)
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        at, parts = self._arrow.schema.get_field_index(column), []
        for first, last in pairwise(edges):
            values = self._batches[numbers[first]].column(at)
            one = last - first == 1  # as mostly in another order, and a slice is far faster
            parts.append(values.slice(firsts[first], 1) if one else values.take(places.slice(first, last - first)))
        return pa.concat_arrays(parts).take(_arrow(back))

    def _with(self, **changed: Any) -> Table:
        other = copy.copy(self)
        vars(other).update(changed)
        return other


class Column(Sequence[Any]):
    """One column of a table."""

    def __init__(self, table: Table, name: str) -> None:
        self._table = table
        self._name = name

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._table)

    def __iter__(self) -> Iterator[Any]:
        """Return the values."""
        for start in range(0, len(self), _CHUNK):
            yield from self._read(start, start + _CHUNK)

    def __getitem__(self, at: Any) -> Any:
        """Return a value, or a list of some."""
        if isinstance(at, slice) and at.step in {None, 1}:
            return self._read(*at.indices(len(self))[:2])
        if isinstance(at, (int, np.integer)) and -len(self) <= at < len(self):
            first = int(at) % len(self)
            return self._read(first, first + 1)[0]
        return self._table.dataset()[self._name][at]

    def __eq__(self, other: object) -> bool:
        """Return whether something holds the same values in the same order."""
        return list(self) == (list(other) if isinstance(other, Column) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return the first values."""
        return f"Column({self[:5]!r}{', ...' if len(self) > 5 else ''})"  # noqa: PLR2004  # as the library's own

    def _read(self, start: int, stop: int) -> list[Any]:
        values: list[Any] = self._table.read(start, stop, [self._name])[self._name].to_pylist()
        return values


def _is_plain(kind: Any) -> bool:
    """Return whether the values of a type are read alike by `datasets` and by pyarrow."""
    import pyarrow.types as of

    inner = kind.value_type if of.is_list(kind) else kind
    return bool(of.is_string(inner) or of.is_large_string(inner) or of.is_integer(inner) or of.is_boolean(inner))


def integers(column: Any) -> NDArray[Any]:
    """Return a column of an Arrow table that holds integers alone; pyarrow's own `to_numpy` would import pandas."""
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks])


def _arrow(numbers: NDArray[np.int64]) -> Any:
    """Return integers as an Arrow array; `pyarrow.array` would import pandas."""
    import pyarrow as pa

    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))])


def _are_within(rows: Chosen, count: int) -> bool:
    least, most = (
        (min(rows[0], rows[-1]), max(rows[0], rows[-1])) if isinstance(rows, range) else (rows.min(), rows.max())
    )
    return bool(least >= 0 and most < count)


def mapped(data: Dataset, rows: Chosen) -> Dataset:
    """Return some rows of a data set, as its `select` does, which holds 40 bytes for each of them meanwhile."""
    import pyarrow as pa
    from datasets import Dataset
    from datasets.table import InMemoryTable

    if isinstance(rows, range):
        return data.select(rows)
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (rows[1:] > rows[:-1]).all():
        return data.select(range(int(rows[0]), int(rows[-1]) + 1))
    if data._indices is not None or data.format["type"] is not None:  # noqa: SLF001  # nothing public tells of a mapping
        return data.select(rows)
    chosen = InMemoryTable.from_arrays([pa.array(rows, pa.uint64(), safe=False)], names=["indices"])
    # The name under which a plugin's `map` caches what it makes of these rows.
    fingerprint = hashlib.sha256(rows.data).hexdigest()[:16]
    return Dataset(data.data, info=data.info, split=data.split, indices_table=chosen, fingerprint=fingerprint)
